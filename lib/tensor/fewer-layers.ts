/** A smaller model of the same tokenizer: some layers of a larger one, which must then learn to do without the others. */
import type { LanguageModel } from './language-model.ts';
import { parameterShapes } from './language-model-config.ts';
import type { Parameters } from './parameters.ts';

/**
 * A model of `layers` of the model's layers, spread evenly from the first to the last (the last writes what the output layer reads; a
 * stack cut off in the middle does not). Numbers are shared with the model, not copied. Throws RangeError for more layers than there are.
 */
export function withFewerLayers(model: LanguageModel, layers: number): LanguageModel {
  const { config, parameters } = model;
  if (layers < 1 || layers > config.layers) throw new RangeError(`${layers} of ${config.layers} layers`);
  const kept = Array.from({ length: layers }, (_, i) =>
    layers === 1 ? config.layers - 1 : Math.round((i * (config.layers - 1)) / (layers - 1)),
  );
  const smaller = { ...config, layers };
  const chosen: Parameters = new Map();
  for (const name of parameterShapes(smaller).keys()) {
    const from = name.replace(layerNumber, (_, layer: string) => `model.layers.${kept[Number(layer)]}.`);
    const parameter = parameters.get(from);
    if (!parameter) throw new RangeError(`the model has no ${from}`);
    chosen.set(name, parameter);
  }
  return { ...model, config: smaller, parameters: chosen };
}

const layerNumber = /^model\.layers\.(\d+)\./;
