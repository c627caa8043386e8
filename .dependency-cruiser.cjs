/** Dependencies point one way, those of types too (rules for values alone: tests/unit/layering.test.ts). The order of the folders of lib, lowest first, is `levels`; a folder may import from its own level or a lower one. */
const outer = { 'cli': ['workers', 'workflows', 'activities', 'infra', 'lib'], 'workers': ['workflows', 'activities', 'infra', 'lib'], 'workflows': ['activities', 'lib'], 'activities': ['lib', 'workflows/activities'], 'infra': ['lib'] };

/** Folders of lib that may be imported by each folder of lib, besides itself and the files directly in lib (errors, random). */
const inner = {
  pipeline: ['store'],
  store: ['pipeline'],
  data: ['store', 'pipeline'],
  tensor: ['store'],
  retrieval: ['tensor', 'data', 'store', 'pipeline'],
  method: ['retrieval', 'tensor', 'data', 'store', 'pipeline'],
  training: ['method', 'retrieval', 'tensor', 'data', 'store', 'pipeline'],
  baselines: ['training', 'method', 'retrieval', 'tensor', 'data', 'store', 'pipeline'],
  serving: ['training', 'method', 'retrieval', 'tensor', 'data', 'store', 'pipeline'],
  report: ['training', 'method', 'baselines', 'retrieval', 'data', 'store', 'pipeline'],
};

const folders = (names) => `^(${names.join('|')})[./]`;
const project = '^(cli|workers|workflows|activities|infra|lib|tests|bench)/';

module.exports = {
  forbidden: [
    ...Object.entries(outer).map(([from, to]) => ({
      name: `${from}-imports-only-what-is-below`,
      severity: 'error',
      from: { path: `^${from}/` },
      to: { path: project, pathNot: folders([from, ...to]) },
    })),
    { name: 'lib-imports-only-lib', severity: 'error', from: { path: '^lib/' }, to: { path: project, pathNot: '^lib/' } },
    ...Object.entries(inner).map(([from, to]) => ({
      name: `lib-${from}-imports-only-what-is-below`,
      severity: 'error',
      from: { path: `^lib/${from}/` },
      to: { path: '^lib/[^/]+/', pathNot: `^lib/(${[from, ...to].join('|')})/` },
    })),
    // The engine can be lifted out with these few files (lib/tensor/README.md).
    {
      name: 'lib-tensor-stands-alone',
      severity: 'error',
      from: { path: '^lib/tensor/' },
      to: { path: project, pathNot: '^lib/(tensor/|errors\\.ts$|random\\.ts$|store/(safetensors|checkpoint-files)\\.ts$)' },
    },
    { name: 'nothing-from-tests', severity: 'error', from: { pathNot: '^(tests|bench)/' , path: '^(cli|workers|workflows|activities|infra|lib)/' }, to: { path: '^(tests|bench)/' } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(out|models|\\.newshound)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    parser: 'swc',
  },
};
