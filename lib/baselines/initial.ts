/**
 * Parameters to start from, each a function of the seed and its own name. What carries embeddings starts as the identity, all else at or
 * near nothing: a reader then starts near the mean of its signals' embeddings. From random matrices, some thousand readers teach less than
 * the text encoder already knew.
 */
import { Random } from '../random.ts';
import type { Parameters } from '../tensor/parameters.ts';

export interface InitialParameters {
  readonly parameters: Parameters;
  /** Normal numbers of deviation .02. */
  normal(name: string, shape: number[]): void;
  /** The identity, or a grid of equal blocks, each the identity times its factor. */
  identity(name: string, shape: [number, number], factors?: readonly (readonly number[])[]): void;
  filled(name: string, shape: number[], value: number): void;
  /** Weight and bias of a layer norm. */
  norm(name: string, width: number): void;
}

const DEVIATION = 0.02;

export function initialParameters(model: string, seed: number): InitialParameters {
  const parameters: Parameters = new Map();
  const of: InitialParameters = {
    parameters,
    normal(name, shape) {
      const random = new Random(model, seed, name);
      const size = shape.reduce((product, n) => product * n, 1);
      parameters.set(name, { shape, data: Float32Array.from({ length: size }, () => random.normal(0, DEVIATION)) });
    },
    identity(name, shape, factors = [[1]]) {
      const data = new Float32Array(shape[0] * shape[1]);
      const [rows, columns] = [shape[0] / factors.length, shape[1] / factors[0].length];
      factors.forEach((ofRow, row) =>
        ofRow.forEach((factor, column) => {
          for (let i = 0; i < Math.min(rows, columns); i++)
            data[(row * rows + i) * shape[1] + column * columns + i] = factor;
        }),
      );
      parameters.set(name, { shape, data });
    },
    filled(name, shape, value) {
      parameters.set(name, { shape, data: new Float32Array(shape.reduce((product, n) => product * n, 1)).fill(value) });
    },
    norm(name, width) {
      of.filled(`${name}.weight`, [width], 1);
      of.filled(`${name}.bias`, [width], 0);
    },
  };
  return of;
}
