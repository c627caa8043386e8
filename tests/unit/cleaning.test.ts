import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ExampleRow, SignalRow } from '../../lib/data/rows.ts';
import { generateWorld } from '../../lib/data/world/world.ts';
import { CheckpointError } from '../../lib/errors.ts';
import { droppingQuality, keptSignals, splitsOfSignals, wilson } from '../../lib/method/cleaning.ts';
import { cleanSettings } from '../../lib/pipeline/stage-settings.ts';
import { openTokenizer } from '../../lib/tensor/tokenizer.ts';
import { type CleaningPlan, cleanTables } from '../../lib/training/clean-tables.ts';
import { type CleanerSignal, openCleaner, trainCleaner } from '../../lib/training/cleaner.ts';
import { signalTokens } from '../../lib/training/cleaner-network.ts';

const tokenizer = openTokenizer(join(import.meta.dirname, '../../models/base-xs'));
const source = generateWorld({
  seed: 11,
  historyArticles: 300,
  poolArticles: 100,
  trainReaders: 120,
  devReaders: 30,
  testReaders: 30,
});
const settings = cleanSettings.parse({ steps: 40, batch: 32, learningRate: 4e-3 });
const plan: CleaningPlan = { settings, tokenizer, seed: 3, threads: 1, progress: () => undefined };
const examples = source.signals.flatMap(({ kind, text, label }) => (label === null ? [] : [{ kind, text, label }]));

function folderOf(files: Readonly<Record<string, Uint8Array>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'newshound-cleaner-'));
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes);
  return folder;
}

describe('cleaning a labelled source', () => {
  const cleaned = cleanTables(source, { ...plan, settings: { ...settings, steps: 80 } });

  it('learns within a few steps to tell noise of readers it has not seen', async () => {
    const { cleaner, dropped, signals } = await cleaned;
    expect(cleaner?.trainedOn).toBe('source');
    for (const quality of [cleaner?.dev, cleaner?.test]) {
      const baseRate = (quality?.noise ?? 0) / (quality?.signals ?? 1);
      expect(quality?.precision?.low).toBeGreaterThan(2 * baseRate);
      expect(quality?.recall?.low).toBeGreaterThan(0.5);
      expect(quality?.auc).toBeGreaterThan(0.9);
    }
    expect(dropped / signals).toBeGreaterThan(0.1);
    expect(dropped / signals).toBeLessThan(0.4);
  });

  it('leaves the other tables, the order of signals, and the given tables alone', async () => {
    const before = structuredClone(source.signals);
    const { tables, signals, dropped } = await cleaned;
    expect(source.signals).toEqual(before);
    expect(tables.signals).toHaveLength(signals - dropped);
    expect({ ...tables, signals: [] }).toEqual({ ...source, signals: [] });
    const order = new Map(source.signals.map((row, i) => [`${row.reader_id} ${row.at} ${row.kind}`, i]));
    const places = tables.signals.map((row) => order.get(`${row.reader_id} ${row.at} ${row.kind}`) ?? -1);
    expect(places).toEqual(places.toSorted((a, b) => a - b));
  });

  it('makes the same files, bit for bit, from the same seed, and others from another', async () => {
    const short = { ...plan, settings: { ...settings, steps: 4 } };
    const [one, same, other] = [
      await cleanTables(source, short),
      await cleanTables(source, short),
      await cleanTables(source, { ...short, seed: 4 }),
    ];
    expect(same).toEqual(one);
    expect(other.files['model.safetensors']).not.toEqual(one.files['model.safetensors']);
  });

  it('learns from readers of the train split only', async () => {
    const { reader_id } = source.examples.find(({ split }) => split === 'test') as ExampleRow;
    const signals = source.signals.map((row) =>
      row.reader_id === reader_id ? { ...row, text: 'something else', label: 'drop' as const } : row,
    );
    const short = { ...plan, settings: { ...settings, steps: 4 } };
    expect((await cleanTables({ ...source, signals }, short)).files).toEqual((await cleanTables(source, short)).files);
  });

  it('stops where its progress is refused', async () => {
    const progress = (fraction: number): void => {
      if (fraction > 0.3) throw new Error('cancelled');
    };
    await expect(cleanTables(source, { ...plan, progress })).rejects.toThrow('cancelled');
  });
});

describe('cleaning without labels', () => {
  it('learns from a generated world, and claims no precision', async () => {
    const signals = source.signals.map((row) => ({ ...row, label: null }));
    const { cleaner, dropped } = await cleanTables({ ...source, signals }, plan);
    expect(cleaner?.trainedOn).toBe('world');
    expect(cleaner?.test).toEqual({
      signals: 0,
      noise: 0,
      precision: null,
      recall: null,
      keepPrecision: null,
      keepRecall: null,
      auc: null,
    });
    expect(dropped).toBeGreaterThan(0);
  });
});

describe('cleaning that is not enabled', () => {
  it('masks personal data and drops nothing', async () => {
    const [first, ...rest] = source.signals;
    const signals = [{ ...first, text: 'write to ann@example.org or 555-234-5678' }, ...rest];
    const quarantine = [{ source: 'signals', row: 7, reason: 'no reader', text: 'ann@example.org' }];
    const result = await cleanTables(
      { ...source, signals, quarantine },
      { ...plan, settings: { ...settings, enabled: false } },
    );
    expect(result.tables.signals).toHaveLength(signals.length);
    expect(result.tables.signals[0].text).toBe('write to [email] or [phone]');
    expect(result.tables.quarantine[0].text).toBe('[email]');
    expect(result.masked.email).toBeGreaterThanOrEqual(1);
    expect(result).toMatchObject({ dropped: 0, spared: 0, cleaner: null });
    const cleaner = await openCleaner(folderOf(result.files), 1);
    expect(await cleaner.probabilities([{ kind: 'search', text: 'facebook login' }])).toEqual(Float32Array.of(0));
  });
});

describe('a cleaner', () => {
  const trained = trainCleaner({ examples, tokenizer, settings, seed: 1, threads: 1 });
  const some: CleanerSignal[] = examples.slice(0, 60);

  it('opened from its files gives the same probabilities', async () => {
    const cleaner = await trained;
    const opened = await openCleaner(folderOf(cleaner.files()), 1);
    expect(await opened.probabilities(some)).toEqual(await cleaner.probabilities(some));
    expect(opened.threshold).toBe(settings.threshold);
    await opened.release();
  });

  it('gives a signal the same probability whatever signals and padding stand beside it', async () => {
    const cleaner = await trained;
    const together = await cleaner.probabilities(some);
    const long = { kind: 'page' as const, text: 'storm warning for the northern coast and the islands '.repeat(40) };
    for (const i of [0, 7, 23]) {
      const [alone] = await cleaner.probabilities([some[i]]);
      const [, besideLong] = await cleaner.probabilities([long, some[i]]);
      expect(Math.abs(alone - together[i])).toBeLessThan(1e-5);
      expect(Math.abs(besideLong - together[i])).toBeLessThan(1e-5);
    }
  });

  it('reads any text: nothing, what spells special tokens, broken characters', async () => {
    const cleaner = await trained;
    const texts = ['', ' ', '<|click|>', '<|endoftext|><|list|>', '\u{d800}', '👩‍👩‍👧 ', 'a'.repeat(100_000)];
    const probabilities = await cleaner.probabilities(texts.map((text) => ({ kind: 'search', text })));
    expect(probabilities.every((one) => one >= 0 && one <= 1)).toBe(true);
  });

  it('takes special-token strings in a text for plain text', () => {
    const id = (token: string): number | undefined => tokenizer.id(token);
    const tokens = [...signalTokens({ kind: 'search', text: '<|click|> x <|list|>' }, tokenizer)];
    expect(tokens[0]).toBe(id('<|search|>'));
    expect(tokens.at(-1)).toBe(id('<|list|>'));
    expect(tokens.slice(1, -1).filter((token) => tokenizer.specialIds.includes(token))).toEqual([]);
  });

  it('tells which file of its folder is wrong, and what to do', async () => {
    const files = (await trained).files();
    const broken = folderOf({ ...files, 'cleaner.json': Buffer.from('{"type":"trained"}') });
    await expect(openCleaner(broken, 1)).rejects.toThrow(/cleaner\.json: threshold: .*Run the clean stage again$/);
    const wider = JSON.parse(Buffer.from(files['cleaner.json']).toString()) as object;
    const other = folderOf({ ...files, 'cleaner.json': Buffer.from(JSON.stringify({ ...wider, hidden: 32 })) });
    await expect(openCleaner(other, 1)).rejects.toThrow(/model\.safetensors, tensor .* must be \[\d+,32\]/);
    await expect(openCleaner(folderOf({}), 1)).rejects.toThrow(CheckpointError);
  });
});

describe('what is kept', () => {
  const signal = (reader_id: string, at: number): Pick<SignalRow, 'reader_id' | 'at'> => ({ reader_id, at });
  const example = (reader_id: string, split: ExampleRow['split'], cutoff: number): ExampleRow => ({
    reader_id,
    split,
    cutoff,
    cold: false,
  });

  it('is what is not above the threshold', () => {
    const signals = [signal('a', 1), signal('a', 2), signal('a', 3)];
    expect(keptSignals(signals, [example('a', 'train', 9)], [0.5, 0.6, 0.1], 0.5)).toEqual({
      kept: [true, false, true],
      spared: 0,
    });
  });

  it('is the least likely noise where all before a cutoff would go', () => {
    const signals = [signal('a', 1), signal('a', 2), signal('a', 8)];
    const cutoffs = [example('a', 'test', 9), example('a', 'train', 5)];
    expect(keptSignals(signals, cutoffs, [0.9, 0.8, 0.1], 0.5)).toEqual({ kept: [false, true, true], spared: 1 });
  });

  it('is at least one signal of every reader, before every cutoff that had one', () => {
    const drawn = fc.array(
      fc.record({
        reader: fc.integer({ min: 0, max: 3 }),
        at: fc.nat(20),
        noise: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
    );
    fc.assert(
      fc.property(
        drawn,
        fc.array(fc.nat(20), { maxLength: 4 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (rows, cutoffs, threshold) => {
          const signals = rows.map(({ reader, at }) => signal(`${reader}`, at));
          const all = [0, 1, 2, 3].flatMap((reader) => cutoffs.map((cutoff) => example(`${reader}`, 'train', cutoff)));
          const noise = rows.map((row) => row.noise);
          const { kept, spared } = keptSignals(signals, all, noise, threshold);
          const left = signals.filter((_, i) => kept[i]);
          for (const { reader_id, at } of signals) {
            expect(left.some((one) => one.reader_id === reader_id)).toBe(true);
            for (const { cutoff } of all) {
              if (at < cutoff) expect(left.some((one) => one.reader_id === reader_id && one.at < cutoff)).toBe(true);
            }
          }
          expect(kept.filter((one, i) => one && noise[i] > threshold)).toHaveLength(spared);
        },
      ),
    );
  });

  it('belongs to the first split that sees it', () => {
    const signals = [signal('a', 1), signal('a', 6), signal('a', 12), signal('b', 1)];
    const cutoffs = [example('a', 'test', 10), example('a', 'train', 5)];
    expect(splitsOfSignals(signals, cutoffs)).toEqual(['train', 'test', null, null]);
  });
});

describe('the quality of dropping', () => {
  it('is precision, recall and area under the curve of noise, unlabelled signals left out', () => {
    const labels = ['drop', 'drop', 'drop', 'keep', 'keep', 'keep', null] as const;
    const quality = droppingQuality(labels, [0.9, 0.8, 0.2, 0.7, 0.1, 0.2, 0.99], 0.5);
    expect(quality).toMatchObject({ signals: 6, noise: 3 });
    expect(quality.precision?.mean).toBeCloseTo(2 / 3);
    expect(quality.recall?.mean).toBeCloseTo(2 / 3);
    expect(quality.keepPrecision?.mean).toBeCloseTo(2 / 3);
    expect(quality.keepRecall?.mean).toBeCloseTo(2 / 3);
    // Of nine pairs noise is ahead in seven; one is a tie.
    expect(quality.auc).toBeCloseTo(7.5 / 9);
  });

  it('has no figure where nothing is to be counted', () => {
    expect(droppingQuality(['keep', 'keep'], [0.1, 0.2], 0.5)).toMatchObject({
      precision: null,
      recall: null,
      auc: null,
    });
  });

  it('has Wilson intervals, inside [0, 1] even where everything or nothing is caught', () => {
    const interval = wilson(7, 10);
    expect(interval?.mean).toBe(0.7);
    expect(interval?.low).toBeCloseTo(0.3967781, 6);
    expect(interval?.high).toBeCloseTo(0.8922087, 6);
    expect(wilson(0, 5)?.low).toBeCloseTo(0, 12);
    expect(wilson(0, 5)?.low).toBeGreaterThanOrEqual(0);
    expect(wilson(5, 5)?.high).toBeCloseTo(1, 12);
    expect(wilson(5, 5)?.high).toBeLessThanOrEqual(1);
  });
});
