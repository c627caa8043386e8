/**
 * The environment of a process that trains. Sessions of training give memory back after each run, so that shapes do not each keep their
 * own; glibc would return it to the system and fetch it again page by page. Told to keep what is below 8 MiB, and to use huge pages, it
 * does not. Larger buffers are mapped: kept as well, they would not fit the next time for a small array that came to lie among them, and
 * resident memory would grow with every run (docs/performance.md, "Memory"). Other C libraries ignore these names.
 */
export const allocatorEnvironment: Readonly<Record<string, string>> = {
  MALLOC_MMAP_THRESHOLD_: String(2 ** 23),
  MALLOC_TRIM_THRESHOLD_: String(2 ** 33),
  GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1',
};
