/**
 * The environment of a process that trains. Sessions of training give memory back after each run, so that shapes do not each keep their
 * own; glibc would return it to the system and fetch it again page by page. Told not to, and to use huge pages, an update of 5.4M
 * parameters took 17 % less time (docs/performance.md). Other C libraries ignore these names.
 */
export const allocatorEnvironment: Readonly<Record<string, string>> = {
  MALLOC_MMAP_THRESHOLD_: String(2 ** 32),
  MALLOC_TRIM_THRESHOLD_: String(2 ** 33),
  GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1',
};
