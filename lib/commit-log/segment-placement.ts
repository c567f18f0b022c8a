/** Where segments are made: in one directory after the other, as RocketMQ does, but those where there is hardly any room. */
export class SegmentPlacement {
  /** Whether a directory is better left alone, as far as that can be helped. */
  isCrowded: (directory: string) => boolean = () => false
  readonly #directories: readonly string[]
  readonly #segmentSize: number

  constructor(directories: readonly string[], segmentSize: number) {
    this.#directories = directories
    this.#segmentSize = segmentSize
  }

  directoryFor(fromOffset: number): string {
    const roomy = this.#directories.filter((directory) => !this.isCrowded(directory))
    const choice = roomy.length > 0 ? roomy : this.#directories
    return choice[Math.floor(fromOffset / this.#segmentSize) % choice.length]!
  }
}
