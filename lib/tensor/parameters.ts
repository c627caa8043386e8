/** The numbers that training changes, by name. */
import { input, sizeOf, type Tensor } from './graph.ts';

/** Row-major, as many numbers as the shape has entries. */
export interface Parameter {
  shape: number[];
  data: Float32Array;
}

export type Parameters = Map<string, Parameter>;

/** A graph input for each parameter, under its own name. */
export function parameterInputs(parameters: Parameters): Record<string, Tensor> {
  return Object.fromEntries([...parameters].map(([name, { shape }]) => [name, input(name, shape)]));
}

/** Shapes and numbers copied: later changes of one are not seen by the other. */
export function copyParameters(parameters: Parameters): Parameters {
  return new Map([...parameters].map(([name, { shape, data }]) => [name, { shape: [...shape], data: data.slice() }]));
}

/** How many numbers there are in all. */
export function countParameters(parameters: Parameters): number {
  return [...parameters.values()].reduce((total, { shape }) => total + sizeOf(shape), 0);
}
