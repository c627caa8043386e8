import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cacheKey, canonical } from '../../lib/pipeline/cache-key.ts';
import { codeDigest, importsOf } from '../../lib/pipeline/code-digest.ts';
import { createPlan, loadConfig, parseConfig } from '../../lib/pipeline/config.ts';
import { findCycle, hasEnded, readySteps, skipReason } from '../../lib/pipeline/dag.ts';
import type { PlanStep, StepStatus } from '../../lib/pipeline/plan.ts';
import type { StageInput } from '../../lib/pipeline/stages.ts';

const root = join(import.meta.dirname, '../..');
const committed = readFileSync(join(root, 'pipelines.yaml'), 'utf8');

/** A small valid file, with one thing changed. */
function file(change: (text: string) => string = (text) => text): string {
  return change(`pipelines:
  small:
    profile: demo
    steps:
      - uses: extract
      - uses: clean
        needs: [extract]
      - uses: index
        needs: [clean]
        with: { steps: 10 }
profiles:
  demo:
    seed: 3
    index: { dimensions: 32 }
`);
}

const refusal = (text: string): string => {
  try {
    parseConfig(text, 'pipelines.yaml');
  } catch (error) {
    expect((error as Error).name).toBe('ConfigError');
    return (error as Error).message;
  }
  throw new Error('it was accepted');
};

describe('pipelines.yaml', () => {
  it('as committed is valid, for every profile', () => {
    const config = parseConfig(committed, 'pipelines.yaml');
    for (const profile of config.profiles.keys())
      expect(createPlan(config, { pipeline: 'nightly', profile, set: [] }).steps).toHaveLength(10);
  });

  it('fills settings from the profile, a step and the command line, the last one winning', () => {
    const config = parseConfig(file(), 'pipelines.yaml');
    const plan = createPlan(config, { pipeline: 'small', profile: null, set: ['index.steps=20', 'seed=9'] });
    expect(plan.seed).toBe(9);
    expect(plan.steps[2].settings).toMatchObject({ steps: 20, dimensions: 32, batch: 256 });
    expect(createPlan(config, { pipeline: 'small', profile: null, set: [] }).steps[2].settings).toMatchObject({
      steps: 10,
    });
  });

  it.each([
    [
      'an unknown key of a step',
      'needs: [extract]',
      'need: [extract]',
      /^pipelines\.yaml:7:9: .*"need".*Did you mean "needs"\?/,
    ],
    [
      'an unknown setting',
      'dimensions: 32',
      'dimension: 32',
      /^pipelines\.yaml:14:14: index has no setting "dimension"\. Did you mean "dimensions"\?/,
    ],
    [
      'an unknown section',
      '    index: {',
      '    indexx: {',
      /^pipelines\.yaml:14:5: .*"indexx".*Did you mean "index"\?/,
    ],
    [
      'a wrong type',
      'dimensions: 32',
      'dimensions: many',
      /^pipelines\.yaml:14:26: index\.dimensions must be a number, not "many"/,
    ],
    ['a number out of bounds', 'dimensions: 32', 'dimensions: -1', /index\.dimensions must be above 0, not -1/],
    [
      'an unknown stage',
      'uses: index',
      'uses: indx',
      /^pipelines\.yaml:8:15: there is no stage "indx"\. Did you mean "index"\?/,
    ],
    [
      'a need that is no step',
      'needs: [clean]',
      'needs: [cleen]',
      /^pipelines\.yaml:9:17: .*"cleen".*Did you mean "clean"\?/,
    ],
    [
      'a missing need',
      'needs: [clean]',
      'needs: [extract]',
      /step index takes cleaned, and no step that it needs gives it\. Add clean to its needs/,
    ],
    [
      'a cycle',
      '- uses: extract\n',
      '- uses: extract\n        needs: [index]\n',
      /circle: extract → index → clean → extract/,
    ],
    [
      'a profile that does not exist',
      'profile: demo',
      'profile: dem',
      /^pipelines\.yaml:3:14: there is no profile "dem"\. Did you mean "demo"\?/,
    ],
    ['a key that occurs twice', 'seed: 3', 'seed: 3\n    seed: 4', /^pipelines\.yaml:14:5: this key occurs twice/],
    [
      'an alias of nothing',
      'seed: 3',
      'seed: *three',
      /^pipelines\.yaml: Unresolved alias.*Quote a value that begins with \*/,
    ],
    ['what is not YAML', 'profiles:', 'profiles: [', /^pipelines\.yaml:\d+:\d+: /],
    ['a condition that is a program', 'with: { steps: 10 }', 'when: clean.rows > 3', /is not a condition/],
    [
      'a condition on a step that is not before',
      'with: { steps: 10 }',
      'when: publish.passed',
      /"publish" in "publish\.passed" is no step that index needs/,
    ],
    ['a schedule that is none', 'profile: demo', 'profile: demo\n    schedule: nightly', /"nightly" is no cron line/],
    [
      'a condition on a fact that is not there',
      'with: { steps: 10 }',
      'when: extract.articls',
      /stage extract has no fact "articls"\. Did you mean "articles"\?/,
    ],
    [
      'a condition on a setting that is not there',
      'with: { steps: 10 }',
      'when: not settings.clean.enabeld',
      /there is no setting clean\.enabeld/,
    ],
  ])('with %s is refused with its place and what to do', (_, from, to, message) => {
    expect(refusal(file((text) => text.replace(from, to)))).toMatch(message);
  });

  it('refuses a wrong --set by naming it', () => {
    const config = parseConfig(file(), 'pipelines.yaml');
    const plan = (set: string) => () => createPlan(config, { pipeline: 'small', profile: null, set: [set] });
    expect(plan('index.stepps=3')).toThrow(
      '--set index.stepps=3: index has no setting "stepps". Did you mean "steps"?',
    );
    expect(plan('index.steps=x')).toThrow(/--set index\.steps=x: index\.steps must be a number/);
    expect(plan('steps')).toThrow(/write --set SECTION\.KEY=VALUE/);
    expect(() => createPlan(config, { pipeline: 'smal', profile: null, set: [] })).toThrow(/Did you mean "small"\?/);
    expect(() => loadConfig('/nowhere/pipelines.yaml')).toThrow(/cannot be read/);
  });

  it('never crashes on damage: a config or one sentence', () => {
    fc.assert(
      fc.property(fc.nat(committed.length - 1), fc.string({ maxLength: 3 }), (at, damage) => {
        try {
          parseConfig(committed.slice(0, at) + damage + committed.slice(at + 1), 'pipelines.yaml');
        } catch (error) {
          expect((error as Error).name).toBe('ConfigError');
        }
      }),
      { numRuns: 150 },
    );
  });
});

describe('scheduling of steps', () => {
  /** A random DAG: step i needs some of the steps before it. */
  const dags = fc
    .integer({ min: 1, max: 9 })
    .chain((size) =>
      fc
        .tuple(...Array.from({ length: size }, (_, i) => fc.subarray(Array.from({ length: i }, (__, j) => `s${j}`))))
        .map((needs) => needs.map((need, i) => ({ name: `s${i}`, needs: need }))),
    );

  it('runs every step once, after all it needs, whatever ends first', () => {
    fc.assert(
      fc.property(dags, fc.infiniteStream(fc.nat()), (steps, choices) => {
        const statuses: Record<string, StepStatus> = Object.fromEntries(steps.map(({ name }) => [name, 'waiting']));
        const order: string[] = [];
        const running: string[] = [];
        while (!hasEnded(steps, statuses)) {
          for (const { name, needs } of readySteps(steps, statuses)) {
            expect(needs.every((need) => statuses[need] === 'done')).toBe(true);
            statuses[name] = 'running';
            running.push(name);
            order.push(name);
          }
          const [ended] = running.splice(choices.next().value % running.length, 1);
          statuses[ended] = 'done';
        }
        expect(order.toSorted()).toEqual(steps.map(({ name }) => name).toSorted());
        expect(findCycle(steps)).toBeNull();
      }),
    );
  });

  it('starts nothing after a failure, and skips what lacks an input or a condition', () => {
    const steps = [
      { name: 'a', needs: [] },
      { name: 'b', needs: [] },
    ];
    expect(readySteps(steps, { a: 'failed', b: 'waiting' })).toEqual([]);
    const step = {
      inputs: { student: { from: 'a', optional: false } },
      when: { negated: false, of: { step: 'a' }, path: ['passed'] },
    } as unknown as PlanStep;
    const settings = createPlan(parseConfig(file(), 'f'), { pipeline: 'small', profile: null, set: [] }).settings;
    expect(skipReason(step, { a: { status: 'skipped', facts: {} } }, settings)).toBe(
      'student is missing: a was skipped',
    );
    expect(skipReason(step, { a: { status: 'done', facts: { passed: false } } }, settings)).toBe('a.passed is false');
    expect(skipReason(step, { a: { status: 'done', facts: { passed: true } } }, settings)).toBeNull();
  });
});

describe('the key of a step in the cache', () => {
  const { settings } = createPlan(parseConfig(committed, 'f'), { pipeline: 'nightly', profile: 'tiny', set: [] });
  const input: StageInput = {
    run: 'r',
    step: 'index',
    stage: 'index',
    seed: 1,
    code: 'c',
    settings,
    inputs: { cleaned: { kind: 'dataset', digest: 'd' } },
  };

  it('depends on settings of its own sections, seed, inputs, code and the outside, and on nothing else', () => {
    const key = cacheKey(input, {});
    expect(cacheKey({ ...input, run: 'other', step: 'renamed' }, {})).toBe(key);
    expect(cacheKey({ ...input, settings: { ...settings, publish: { ...settings.publish, split: 'dev' } } }, {})).toBe(
      key,
    );
    for (const other of [
      { ...input, seed: 2 },
      { ...input, code: 'd' },
      { ...input, inputs: { cleaned: { kind: 'dataset', digest: 'e' } as const } },
      { ...input, settings: { ...settings, index: { ...settings.index, steps: 99 } } },
    ])
      expect(cacheKey(other, {})).not.toBe(key);
    expect(cacheKey(input, { model: 'x' })).not.toBe(key);
  });

  it('does not depend on the order of keys', () => {
    expect(canonical({ b: [1, { d: null, c: 'x' }], a: true })).toBe(
      canonical({ a: true, b: [1, { c: 'x', d: null }] }),
    );
  });
});

describe('the digest of a stage’s code', () => {
  const folder = mkdtempSync(join(tmpdir(), 'newshound-code-'));

  it('follows imports of values, not of types, and changes with any file among them', () => {
    mkdirSync(join(folder, 'lib'));
    writeFileSync(
      join(folder, 'stage.ts'),
      `import { a } from './lib/a.ts';\nimport type { T } from './lib/types.ts';\n`,
    );
    writeFileSync(join(folder, 'lib/a.ts'), `export const a = 1;\n`);
    writeFileSync(join(folder, 'lib/types.ts'), `export type T = 1;\n`);
    const before = codeDigest(folder, ['stage.ts']);
    writeFileSync(join(folder, 'lib/types.ts'), `export type T = 2;\n`);
    expect(codeDigest(folder, ['stage.ts'])).toBe(before);
    writeFileSync(join(folder, 'lib/a.ts'), `export const a = 2;\n`);
    expect(codeDigest(folder, ['stage.ts'])).not.toBe(before);
  });

  it('reads every form of import', () => {
    expect(
      importsOf(`import a, { b } from './a.ts';
import './b.ts'; // import './no.ts'
export * from './c.ts';
export { type T } from './types.ts';
const d = await import('./d.ts');
/* import x from './no.ts' */`).toSorted(),
    ).toEqual(['./a.ts', './b.ts', './c.ts', './d.ts']);
  });
});
