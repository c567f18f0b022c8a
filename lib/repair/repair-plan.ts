import { basename, join } from 'node:path'
import { parseSegmentName } from '../format/file-name'
import { findingKinds, type Finding } from '../check/finding'
import type { FileSystem } from '../storage/ports'

/** Bytes [from, to) of a file are copied to quarantine. */
export interface CopyStep {
  step: 'copy'
  file: string
  from: number
  to: number
  reason: string
}

/** A file or directory is moved to quarantine. */
export interface MoveStep {
  step: 'move'
  file: string
  reason: string
}

/** The store is opened for writing, which recovers it, and closed. */
export interface OpenStep {
  step: 'open'
  reason: string
}

export type RepairStep = CopyStep | MoveStep | OpenStep

/** Collects findings, and says what is to be done about them. */
export class RepairPlan {
  readonly #files: FileSystem
  readonly #root: string
  readonly #copies: CopyStep[] = []
  readonly #moves = new Map<string, MoveStep>()
  #opens = false
  #unrepairable = 0

  constructor(files: FileSystem, root: string) {
    this.#files = files
    this.#root = root
  }

  /** Findings about which nothing can be done. */
  get unrepairable(): number {
    return this.#unrepairable
  }

  add(finding: Finding): void {
    switch (findingKinds[finding.kind].action) {
      case 'none':
        this.#unrepairable++
        return
      case 'open':
        this.#opens = true
        return
      case 'copy-and-open':
        this.#copy(finding)
        return
      case 'move':
        this.#move(finding.file, finding.what)
        return
      case 'rebuild-queues':
        this.rebuild('queues', `${finding.file}: ${finding.what}`)
        return
      case 'rebuild-index':
        this.rebuild('index', `${finding.file}: ${finding.what}`)
        return
      case 'rebuild-all':
        this.#move(finding.file, finding.what)
        for (const what of ['queues', 'index'] as const) this.rebuild(what, `${finding.file}: ${finding.what}`)
    }
  }

  /** Makes derived files again. The first reason is the one that is told. */
  rebuild(what: 'queues' | 'index', reason: string): void {
    const directory = join(this.#root, what === 'queues' ? 'consumequeue' : 'index')
    // What is gone, as after a rebuild that was interrupted, the open makes again all the same.
    if (this.#files.status(directory) === undefined) this.#opens = true
    else this.#move(directory, reason)
  }

  /** In the order in which they are safe: copies before anything changes, the open at the end. */
  get steps(): readonly RepairStep[] {
    const steps = [...this.#copies, ...this.#moves.values()].filter(({ file }) => !this.#isMovedWithParent(file))
    if (steps.length === 0 && !this.#opens) return []
    return [...steps, { step: 'open', reason: 'recovery brings log, queues and index to one state' }]
  }

  #copy({ file, kind, offset, bytes, what }: Finding): void {
    const from = kind === 'stale-bytes' ? offset - parseSegmentName(basename(file))! : offset
    this.#copies.push({ step: 'copy', file, from, to: from + bytes, reason: what })
  }

  #move(file: string, reason: string): void {
    if (!this.#moves.has(file)) this.#moves.set(file, { step: 'move', file, reason })
  }

  #isMovedWithParent(file: string): boolean {
    return [...this.#moves.keys()].some((moved) => file !== moved && file.startsWith(join(moved, '/')))
  }
}
