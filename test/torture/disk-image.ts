/** What a disk writes whole, or not at all. */
export const SECTOR = 512

/** A file as the disk has it, and as programs see it. */
export interface FileImage {
  readonly durable: Buffer
  readonly current: Buffer
}

/** A step of a directory, which the disk has or has not; a rename is one step. */
export interface Change<Entry> {
  readonly removed?: string | undefined
  readonly added?: { readonly name: string; readonly entry: Entry } | undefined
}

/** A directory as the disk has it, and what has been done to it since. */
export interface DirectoryImage {
  readonly durable: ReadonlyMap<string, Image>
  readonly pending: readonly Change<Image>[]
}

export type Image = FileImage | DirectoryImage

export const emptyDisk: DirectoryImage = { durable: new Map(), pending: [] }

export function applyChanges<Entry>(entries: ReadonlyMap<string, Entry>, changes: Iterable<Change<Entry>>): Map<string, Entry> {
  const result = new Map(entries)
  for (const { removed, added } of changes) {
    if (removed !== undefined) result.delete(removed)
    if (added !== undefined) result.set(added.name, added.entry)
  }
  return result
}

/** Where the sectors begin in which the disk is behind; what it does not have reads as zeros. */
export function differingSectors({ durable, current }: FileImage): number[] {
  const known = durable.length < current.length ? Buffer.concat([durable], current.length) : durable
  const sectors: number[] = []
  for (let from = 0; from < current.length; from += SECTOR) {
    const to = Math.min(from + SECTOR, current.length)
    if (current.compare(known, from, to, from, to) !== 0) sectors.push(from)
  }
  return sectors
}

/** Everything that a power cut may leave of a disk: each thing that the disk was not told to have done is done or not. */
export class CrashStates {
  /** What is uncertain, for people. */
  readonly uncertain: string[] = []
  /** Number of the first thing that is uncertain about each. */
  readonly #numbers = new Map<Change<Image> | FileImage, number>()
  readonly #sectors = new Map<FileImage, number[]>()
  readonly #root: DirectoryImage

  constructor(root: DirectoryImage) {
    this.#root = root
    this.#collect('', root)
  }

  #collect(path: string, image: Image): void {
    if (!('pending' in image)) {
      this.#collectFile(path, image)
      return
    }
    for (const change of image.pending) {
      this.#numbers.set(change, this.uncertain.length)
      const { removed, added } = change
      this.uncertain.push(`${path}/ ${[removed && `-${removed}`, added && `+${added.name}`].filter(Boolean).join(' ')}`)
    }
    for (const [name, inner] of image.durable) this.#collect(`${path}/${name}`, inner)
    for (const { added } of image.pending) if (added !== undefined) this.#collect(`${path}/${added.name}`, added.entry)
  }

  #collectFile(path: string, image: FileImage): void {
    if (image.durable === image.current || this.#numbers.has(image)) return
    const sectors = differingSectors(image)
    this.#numbers.set(image, this.uncertain.length)
    this.#sectors.set(image, sectors)
    if (image.durable.length !== image.current.length) this.uncertain.push(`${path} length ${image.durable.length} -> ${image.current.length}`)
    for (const from of sectors) this.uncertain.push(`${path} sector at ${from}`)
  }

  /** The disk on which those things have happened of which `happened` says so, by their number. */
  choose(happened: (number: number) => boolean): DirectoryImage {
    return this.#chooseDirectory(this.#root, happened)
  }

  #chooseDirectory({ durable, pending }: DirectoryImage, happened: (number: number) => boolean): DirectoryImage {
    const entries = applyChanges(durable, pending.filter((change) => happened(this.#numbers.get(change)!)))
    const chosen = new Map<string, Image>()
    for (const [name, image] of entries) {
      chosen.set(name, 'pending' in image ? this.#chooseDirectory(image, happened) : this.#chooseFile(image, happened))
    }
    return { durable: chosen, pending: [] }
  }

  #chooseFile(image: FileImage, happened: (number: number) => boolean): FileImage {
    const { durable, current } = image
    let number = this.#numbers.get(image)
    if (number === undefined) return image
    const length = durable.length === current.length || happened(number++) ? current.length : durable.length
    const chosen = Buffer.alloc(length)
    durable.copy(chosen)
    for (const from of this.#sectors.get(image)!) if (happened(number++)) current.copy(chosen, from, from, from + SECTOR)
    return { durable: chosen, current: chosen }
  }
}
