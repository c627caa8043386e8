import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { readSafetensors, type StoredTensor } from '../../lib/store/safetensors.ts';
import { gradients } from '../../lib/tensor/gradient.ts';
import { input } from '../../lib/tensor/graph.ts';
import { type DivergenceName, divergences } from '../../lib/tensor/losses.ts';
import { mul, sum } from '../../lib/tensor/ops.ts';
import { compile } from '../../lib/tensor/session.ts';
import { dataFolder, largestError, numbersOf } from './reference-models.ts';

const meta = JSON.parse(readFileSync(`${dataFolder}distill.json`, 'utf8'));
const stored = readSafetensors(`${dataFolder}distill.safetensors`);
const names: Record<string, DivergenceName> = {
  reverse_kl: 'reverse_kl',
  forward_kl: 'forward_kl',
  'jsd_0.5': 'jsd',
  reverse_kl_t2: 'reverse_kl',
};

it.each(Object.keys(meta.values))("%s has TRL's loss and gradient of the student's logits", async (label) => {
  const { loss, temperature } = meta.values[label];
  const [rows, length, vocabulary] = (stored.get('student_logits') as StoredTensor).shape;
  const shape = [rows * length, vocabulary];
  const mask = numbersOf(stored, 'mask');
  const unmasked = mask.reduce((total, m) => total + m, 0);
  const [student, teacher, weight] = [input('student', shape), input('teacher', shape), input('weight', [shape[0]])];
  const divergence = divergences[names[label]](mul(student, 1 / temperature), mul(teacher, 1 / temperature));
  const value = sum(mul(divergence, weight));
  const [gradient] = gradients(value, [student]);
  const session = await compile({ value, gradient }, { threads: 1 });
  const actual = await session.run({
    student: { shape, data: Float32Array.from(numbersOf(stored, 'student_logits')) },
    teacher: { shape, data: Float32Array.from(numbersOf(stored, 'teacher_logits')) },
    weight: { shape: [shape[0]], data: Float32Array.from(mask, (m) => m / unmasked) },
  });
  await session.release();
  expect(Math.abs(Number(actual.value[0]) - loss)).toBeLessThan(1e-5);
  const { relative } = largestError(actual.gradient as Float32Array, numbersOf(stored, `grad.${label}`));
  expect(relative).toBeLessThan(1e-4);
});
