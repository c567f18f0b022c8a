import type { EngineVersion } from './engine'
import type { Player } from './player'

/** One side of a test; a killed process is started again when its turn comes. */
export class Side {
  readonly #start: () => Player
  #player: Player | undefined

  constructor(start: (version: EngineVersion) => Player, version: EngineVersion) {
    this.#start = () => start(version)
  }

  get player(): Player {
    this.#player ??= this.#start()
    return this.#player
  }

  async kill(): Promise<void> {
    const player = this.#player
    this.#player = undefined
    await player?.kill()
  }
}
