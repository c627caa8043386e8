/** The numbers that training changes, by name. */
import { input, sizeOf, type Tensor } from './graph.ts';

export interface Parameter {
  shape: number[];
  data: Float32Array;
}

export type Parameters = Map<string, Parameter>;

/** A graph input for each parameter, under its own name. */
export function parameterInputs(parameters: Parameters): Record<string, Tensor> {
  return Object.fromEntries([...parameters].map(([name, { shape }]) => [name, input(name, shape)]));
}

export function copyParameters(parameters: Parameters): Parameters {
  return new Map([...parameters].map(([name, { shape, data }]) => [name, { shape: [...shape], data: data.slice() }]));
}

export function countParameters(parameters: Parameters): number {
  return [...parameters.values()].reduce((total, { shape }) => total + sizeOf(shape), 0);
}
