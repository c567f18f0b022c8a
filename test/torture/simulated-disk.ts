import { basename, dirname, join, resolve } from 'node:path'
import { createMemoryBackend } from '../../lib/storage/memory-backend'
import type { Backend, Clock, FileSystem, Mapping } from '../../lib/storage/ports'
import { SECTOR, applyChanges, differingSectors, emptyDisk, type Change, type DirectoryImage, type FileImage, type Image } from './disk-image'
import type { Random } from './random'

const FILE_LENGTH_MAX = 1 << 20
const scratch = Buffer.alloc(FILE_LENGTH_MAX)
const root = resolve('/')

type Node = FileNode | DirectoryNode

class FileNode {
  /** The end of the flushes under way, which the next one comes after. */
  syncing: Promise<void> = Promise.resolve()
  syncsUnderWay = 0
  /** It may hold something else than its image. */
  isTouched = false
  #image: FileImage

  constructor(
    image: FileImage,
    private readonly files: FileSystem,
    /** Of the simulator's own: it is good also when the file has no name. */
    private readonly descriptor: number,
  ) {
    this.#image = image
  }

  /** The same object while nothing changes. */
  image(): FileImage {
    if (!this.isTouched) return this.#image
    this.isTouched = false
    const { durable, current } = this.#image
    const length = this.files.read(this.descriptor, scratch, 0, FILE_LENGTH_MAX, 0)
    if (scratch.compare(current, 0, current.length, 0, length) !== 0) {
      this.#image = { durable, current: Buffer.from(scratch.subarray(0, length)) }
    }
    return this.#image
  }

  setDurable(durable: Buffer): void {
    this.#image = { durable, current: this.image().current }
  }
}

class DirectoryNode {
  durable = new Map<string, Node>()
  pending: Change<Node>[] = []
  /** Its own also while it is empty: images tell directories apart. */
  #image: DirectoryImage = { durable: new Map(), pending: [] }
  /** What the image was made of. */
  #parts: unknown[] = []

  get current(): Map<string, Node> {
    return applyChanges(this.durable, this.pending)
  }

  find(name: string): Node | undefined {
    for (let at = this.pending.length - 1; at >= 0; at--) {
      const { removed, added } = this.pending[at]!
      if (added?.name === name) return added.entry
      if (removed === name) return undefined
    }
    return this.durable.get(name)
  }

  /** The same object while nothing changes. */
  image(): DirectoryImage {
    const durable = [...this.durable].map(([name, node]) => [name, node.image()] as const)
    const added = this.pending.map((change) => change.added?.entry.image())
    const parts = [...durable.flat(), ...this.pending, ...added]
    if (parts.length !== this.#parts.length || parts.some((part, at) => part !== this.#parts[at])) {
      this.#parts = parts
      const pending = this.pending.map((change, at) => ({
        removed: change.removed,
        added: change.added && { name: change.added.name, entry: added[at]! },
      }))
      this.#image = { durable: new Map(durable), pending }
    }
    return this.#image
  }
}

/**
 * A disk in memory that knows what a power cut may leave of it. A flush makes durable what Linux says: of a map the
 * sectors of the range and the length, of a file all of it, of a directory its entries; and never more, so that a file may
 * be whole on the disk and have no name there.
 */
export class SimulatedDisk {
  readonly backend: Backend
  /** Called around each step, when the disk may have changed. */
  onStep: (() => void) | undefined
  readonly #random: Random | undefined
  readonly #memory: FileSystem
  readonly #root: DirectoryNode
  readonly #nodesByDescriptor = new Map<number, FileNode>()
  /** Files that are written to through maps: what is stored there is seen when it is looked for. */
  readonly #mapped = new Set<FileNode>()
  #image: DirectoryImage
  /** There is more than is in the image. */
  #isChanged = false
  #isOff = false

  /** @param random decides how long each flush takes; without it they take no time */
  constructor(clock: Clock, image: DirectoryImage = emptyDisk, random?: Random) {
    this.#random = random
    const memory = createMemoryBackend(clock)
    this.#memory = memory.files
    this.#root = this.#restore(image)
    this.#image = this.#root.image()
    this.backend = {
      name: 'simulated',
      capabilities: new Set([...memory.capabilities, 'lock']),
      files: this.#makeFiles(memory.files),
      crc32: memory.crc32,
      mapper: { map: (descriptor, length, access) => this.#map(memory.mapper.map(descriptor, length, access), descriptor, access) },
    }
  }

  /** What is on the disk, and what may get there; the same object while nothing changes. */
  image(): DirectoryImage {
    for (const node of this.#mapped) {
      const before = node.image()
      node.isTouched = true
      this.#isChanged ||= node.image() !== before
    }
    if (this.#isChanged) this.#image = this.#root.image()
    this.#isChanged = false
    return this.#image
  }

  /** The program is dead: whatever it still does reaches the disk no more. */
  turnOff(): void {
    this.#isOff = true
    this.onStep = undefined
  }

  /** The kernel writes back some of what waits, as it may at any time. */
  writeBack(random: Random): void {
    this.image()
    const visit = (directory: DirectoryNode): void => {
      const count = random.below(directory.pending.length + 1)
      directory.durable = applyChanges(directory.durable, directory.pending.splice(0, count))
      for (const node of directory.current.values()) {
        if (node instanceof DirectoryNode) visit(node)
        else if (node.syncsUnderWay === 0) writeBackFile(node, random)
      }
    }
    visit(this.#root)
    this.#isChanged = true
    this.onStep?.()
  }

  #restore(image: DirectoryImage): DirectoryNode {
    // A file that was renamed may have two names, of which a crash leaves one.
    const nodes = new Map<Image, Node>()
    const nodeOf = (inner: Image): Node => {
      const node = nodes.get(inner) ?? ('pending' in inner ? restoreDirectory(inner) : this.#restoreFile(inner))
      nodes.set(inner, node)
      return node
    }
    const restoreDirectory = ({ durable, pending }: DirectoryImage): DirectoryNode => {
      const node = new DirectoryNode()
      for (const [name, inner] of durable) node.durable.set(name, nodeOf(inner))
      for (const { removed, added } of pending) {
        node.pending.push({ removed, added: added && { name: added.name, entry: nodeOf(added.entry) } })
      }
      return node
    }
    const nameAll = (path: string, { current }: DirectoryNode): void => {
      this.#memory.makeDirectory(path)
      for (const [name, node] of current) {
        if (node instanceof DirectoryNode) nameAll(join(path, name), node)
        else this.#memory.rename(this.#namelessPaths.get(node)!, join(path, name))
      }
    }
    const restored = restoreDirectory(image)
    nameAll(root, restored)
    return restored
  }

  readonly #namelessPaths = new Map<FileNode, string>()

  #restoreFile(image: FileImage): FileNode {
    const path = join(root, `.nameless${this.#namelessPaths.size}`)
    const descriptor = this.#memory.open(path, 'create')
    this.#memory.write(descriptor, image.current, 0, image.current.length, 0)
    const node = new FileNode(image, this.#memory, descriptor)
    this.#namelessPaths.set(node, path)
    return node
  }

  #makeFiles(memory: FileSystem): FileSystem {
    const files = Object.create(memory) as FileSystem
    files.open = (path, mode) => {
      const descriptor = mode === 'create' ? this.#step(() => this.#create(path)) : memory.open(path, mode)
      this.#nodesByDescriptor.set(descriptor, this.#find(path) as FileNode)
      return descriptor
    }
    files.close = (descriptor) => {
      this.#nodesByDescriptor.delete(descriptor)
      memory.close(descriptor)
    }
    files.makeDirectory = (path) => {
      if (this.#find(path) !== undefined) return
      files.makeDirectory(dirname(path))
      this.#step(() => {
        memory.makeDirectory(path)
        this.#directoryOf(path).pending.push({ added: { name: basename(path), entry: new DirectoryNode() } })
      })
    }
    files.truncate = (descriptor, length) => this.#step(() => memory.truncate(descriptor, length), descriptor)
    files.reserve = (descriptor, length) => this.#step(() => memory.reserve(descriptor, length), descriptor)
    files.reserveAsync = async (descriptor, length) => {
      await this.#takeTime()
      files.reserve(descriptor, length)
    }
    files.write = (descriptor, source, offset, length, position) =>
      this.#step(() => memory.write(descriptor, source, offset, length, position), descriptor)
    files.rename = (from, to) => this.#step(() => {
      if (dirname(from) !== dirname(to)) throw new Error('the simulated disk renames within a directory only')
      const entry = this.#find(from)!
      memory.rename(from, to)
      this.#directoryOf(to).pending.push({ removed: basename(from), added: { name: basename(to), entry } })
    })
    files.remove = (path) => this.#step(() => {
      memory.remove(path)
      this.#directoryOf(path).pending.push({ removed: basename(path) })
    })
    files.removeDirectory = (path) => this.#step(() => {
      memory.removeDirectory(path)
      this.#directoryOf(path).pending.push({ removed: basename(path) })
    })
    files.sync = (descriptor) => this.#syncFile(this.#nodesByDescriptor.get(descriptor)!, 0, Infinity)
    files.syncDirectory = (path) => this.#syncDirectory(path)
    return files
  }

  /** Something that changes the disk, and perhaps a file: what was stored through maps before is seen by itself. */
  #step<Result>(change: () => Result, descriptor?: number): Result {
    if (this.#isOff) throw new Error('the power is off')
    this.onStep?.()
    const result = change()
    this.#isChanged = true
    if (descriptor !== undefined) this.#nodesByDescriptor.get(descriptor)!.isTouched = true
    this.onStep?.()
    return result
  }

  #create(path: string): number {
    const descriptor = this.#memory.open(path, 'create')
    const image = { durable: Buffer.alloc(0), current: Buffer.alloc(0) }
    const entry = new FileNode(image, this.#memory, this.#memory.open(path, 'write'))
    this.#directoryOf(path).pending.push({ added: { name: basename(path), entry } })
    return descriptor
  }

  #map(mapping: Mapping, descriptor: number, access: 'read' | 'write'): Mapping {
    const node = this.#nodesByDescriptor.get(descriptor)!
    if (access === 'write') this.#mapped.add(node)
    const mapped = Object.create(mapping) as Mapping
    mapped.flush = async (from, to) => {
      await mapping.flush(from, to)
      await this.#syncFile(node, from, to)
    }
    mapped.populate = () => undefined
    mapped.unmap = () => {
      this.onStep?.()
      node.isTouched = true
      this.#mapped.delete(node)
      this.#isChanged = true
      mapping.unmap()
    }
    return mapped
  }

  /** What was there when the flush began is durable when it ends, and nothing else is. */
  async #syncFile(node: FileNode, from: number, to: number): Promise<void> {
    this.onStep?.()
    node.isTouched ||= this.#mapped.has(node)
    const { current } = node.image()
    const before = node.syncing
    node.syncsUnderWay++
    node.syncing = (async () => {
      await before
      await this.#takeTime()
      const durable = Buffer.alloc(current.length)
      node.image().durable.copy(durable)
      const start = from - (from % SECTOR)
      if (start < to) current.copy(durable, start, start, Math.min(Math.ceil(to / SECTOR) * SECTOR, current.length))
      node.setDurable(durable)
      node.syncsUnderWay--
      this.#isChanged = true
    })()
    await node.syncing
    this.onStep?.()
  }

  async #syncDirectory(path: string): Promise<void> {
    const node = this.#find(path)
    if (!(node instanceof DirectoryNode)) throw new Error(`${path} is no directory`)
    this.onStep?.()
    const covered = new Set(node.pending)
    await this.#takeTime()
    node.durable = applyChanges(node.durable, node.pending.filter((change) => covered.has(change)))
    node.pending = node.pending.filter((change) => !covered.has(change))
    this.#isChanged = true
    this.onStep?.()
  }

  async #takeTime(): Promise<void> {
    const turns = this.#random?.below(4) ?? 0
    for (let turn = 0; turn < turns; turn++) await new Promise((resume) => setImmediate(resume))
    // Nobody is there any more to be told.
    if (this.#isOff) await new Promise(() => undefined)
  }

  #find(path: string): Node | undefined {
    let node: Node | undefined = this.#root
    for (const name of resolve(path).split('/')) {
      if (name !== '') node = node instanceof DirectoryNode ? node.find(name) : undefined
    }
    return node
  }

  #directoryOf(path: string): DirectoryNode {
    return this.#find(dirname(path)) as DirectoryNode
  }
}

function writeBackFile(file: FileNode, random: Random): void {
  const image = file.image()
  const { durable, current } = image
  const written = Buffer.alloc(durable.length === current.length || random.chance(0.5) ? current.length : durable.length)
  durable.copy(written)
  for (const from of differingSectors(image)) if (random.chance(0.5)) current.copy(written, from, from, from + SECTOR)
  file.setDurable(written)
}
