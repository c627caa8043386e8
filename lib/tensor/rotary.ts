/** Rotary positions (Su et al. 2021): how fast each pair of a head's numbers turns, scaled for longer texts as Transformers does. */

/** Stretches positions beyond those of pretraining. */
export type RopeScaling =
  /** All of them (Chen et al. 2023). */
  | { type: 'linear'; factor: number }
  /** Those of long waves alone, the ones between in part (Llama 3.1). */
  | {
      type: 'llama3';
      factor: number;
      lowFrequencyFactor: number;
      highFrequencyFactor: number;
      /** Positions that pretraining had. */
      originalPositions: number;
    };

export interface RotaryConfig {
  headDim: number;
  ropeTheta: number;
  /** Default: none. */
  ropeScaling?: RopeScaling;
}

/** Radians a position: θ^(-2i/headDim), scaled; [headDim / 2], rounded to float32 where Transformers rounds. */
export function rotaryFrequencies({ headDim, ropeTheta, ropeScaling }: RotaryConfig): Float32Array {
  return Float32Array.from({ length: headDim / 2 }, (_, i) => {
    const frequency = Math.fround(1 / Math.fround(ropeTheta ** ((2 * i) / headDim)));
    if (ropeScaling === undefined) return frequency;
    const slow = Math.fround(frequency / ropeScaling.factor);
    if (ropeScaling.type === 'linear') return slow;
    const { lowFrequencyFactor: low, highFrequencyFactor: high, originalPositions } = ropeScaling;
    const turns = originalPositions / ((2 * Math.PI) / frequency);
    if (turns < low) return slow;
    if (turns > high) return frequency;
    const share = (turns - low) / (high - low);
    return (1 - share) * slow + share * frequency;
  });
}
