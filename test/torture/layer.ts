/** One way to hurt a store, over and over. Each case follows from the run's seed and its own number alone. */
export interface Layer {
  name: string
  /** One line: what is done to the store, and what has to hold. */
  story: string
  /** How many cases a run in CI has, and a full one. */
  cases: { ci: number; full: number }
  /** Why it cannot run here ("needs root and loop devices"); undefined where it can. */
  lacks(): string | undefined
  run(context: LayerContext): Promise<void>
}

export interface LayerContext {
  seed: number
  /** The cases to run: [first, first + count). */
  first: number
  count: number
  /** An empty directory of the layer's own, removed behind it. */
  directory: string
  /** Counts cases that held. */
  done(cases?: number): void
  /** Adds to a figure of the summary, such as `acknowledged`. */
  add(figure: string, value: number): void
  /** A case that did not hold; the runner prints how to repeat it. */
  fail(index: number, message: string): void
  /** True when the run is to end: too many failures, or an interrupt. */
  readonly isOver: boolean
}
