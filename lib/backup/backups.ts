import { dirname, join, resolve } from 'node:path'
import { checkCopy } from '../check/check-copy'
import { StoreError } from '../errors'
import { Checkpoint } from '../flush/checkpoint'
import type { StoreParts } from '../open-store'
import { logPathsOf } from '../options/options'
import { MANIFEST_NAME, writeManifest } from '../recovery/manifest'
import { inSlices } from '../storage/in-slices'
import type { BackupOptions, BackupProgress, BackupResult } from '../types'
import { readMarker } from './backup-marker'
import { BackupTarget, realPathOf } from './backup-target'
import { FileCopier } from './file-copier'
import { Snapshot, type StoreToCopy } from './snapshot'

export interface BackupContext {
  parts: StoreParts
  /** Makes everything durable that was written before the call. */
  flush(): Promise<void>
  /** Keeps files of the store from being deleted. @returns ends that */
  holdFiles(): () => void
}

/** The backups of an open store. */
export class Backups {
  readonly #context: BackupContext
  /** Those that are being made, by their targets. */
  readonly #running = new Map<string, Promise<unknown>>()
  readonly #closing = new AbortController()

  constructor(context: BackupContext) {
    this.#context = context
  }

  /** @throws ERR_BACKUP_TARGET, ERR_READ_ONLY, ERR_STORE_CLOSED, ERR_DISK_FULL, what a flush throws, ERR_IO; the reason of the signal */
  async make(directory: string, options: BackupOptions): Promise<BackupResult> {
    const { options: { readOnly }, directory: store, backend: { files } } = this.#context.parts
    if (readOnly) throw new StoreError('ERR_READ_ONLY', 'the store was opened with readOnly: others may write to it while it is copied')
    const path = realPathOf(files, resolve(directory))
    if (this.#running.has(path)) {
      throw new StoreError('ERR_BACKUP_TARGET', `a backup of ${store} to ${path} is being made already: wait for it`, { file: path, reason: 'running' })
    }
    const making = this.#make(path, options)
    this.#running.set(path, making.catch(() => undefined))
    try {
      return await making
    } finally {
      this.#running.delete(path)
    }
  }

  /** Ends those under way, and waits until nothing is left of them. */
  async close(): Promise<void> {
    this.#closing.abort(new StoreError('ERR_STORE_CLOSED', `the store in ${this.#context.parts.directory} was closed before its backup was whole`))
    await Promise.all(this.#running.values())
  }

  async #make(path: string, options: BackupOptions): Promise<BackupResult> {
    const { parts: { backend }, holdFiles } = this.#context
    this.#assertWanted(options)
    const store = this.#storeToCopy()
    const target = await BackupTarget.prepare(backend, path, { directory: store.directory, logs: store.logDirectories })
    const endHold = holdFiles()
    try {
      return await this.#fill(target, store, options)
    } catch (error) {
      // What cannot be removed now is known for what it is by the next backup.
      await target.discard().catch(() => undefined)
      throw error
    } finally {
      endHold()
    }
  }

  async #fill(target: BackupTarget, store: StoreToCopy, options: BackupOptions): Promise<BackupResult> {
    const { backend, clock } = this.#context.parts
    await this.#flush()
    const snapshot = new Snapshot(store)
    const madeAt = clock.now()
    const listed = await snapshot.listFiles(inSlices(() => this.#pause(options)))
    const total = listed.reduce((sum, file) => sum + (file.kind === 'growing' ? file.length : file.status.size), 0)
    const copier = new FileCopier({
      files: backend.files,
      target: target.draft,
      previous: this.#previous(target, options),
      pause: inSlices((done: number) => this.#pause(options, { phase: 'copy', done, total })),
    })
    await this.#pause(options, { phase: 'copy', done: 0, total })
    for (const place of ['commitlog', 'consumequeue', ...(store.index === undefined ? [] : ['index'])]) copier.makeDirectory(place)
    for (const file of listed) await copier.add(file)
    await this.#pause(options, { phase: 'copy', done: total, total })
    await this.#pause(options, { phase: 'flush', done: total, total })
    await copier.sync()
    await this.#writeOwn(target.draft, snapshot)
    const findings = options.verify === true ? await this.#verify(target, total, options) : undefined
    await this.#pause(options, { phase: 'flush', done: total, total })
    const { linkedBytes, copiedBytes, fileCount, sealed } = copier
    const { logEnd } = snapshot
    await target.finish({ store: backend.files.realPath(store.directory), isWhole: true, madeAt, logEnd, sealed })
    return { directory: target.path, files: fileCount, linkedBytes, copiedBytes, logEnd, ...(findings !== undefined && { findings }) }
  }

  async #flush(): Promise<void> {
    const { flush, parts: { log, config } } = this.#context
    await config.persist()
    await flush()
    // Queues have no files before the log has one; if that came just now, all before it waits for the next flush.
    if (!log.isOnDisk) await flush()
  }

  #storeToCopy(): StoreToCopy {
    const { directory, backend: { files }, log, queues, index, checkpoint, options } = this.#context.parts
    const logDirectories = new Set([...logPathsOf(options).all, ...Array.from(log.segments, (segment) => dirname(segment.path))])
    return { directory, logDirectories, files, log, queues, index, checkpoint }
  }

  /** What can be taken over from. */
  #previous(target: BackupTarget, { from = target.path }: BackupOptions): { directory: string; marker: NonNullable<ReturnType<typeof readMarker>> } | undefined {
    const { backend, directory: store } = this.#context.parts
    const directory = resolve(from)
    const marker = readMarker(backend, directory)
    if (marker?.isWhole === true && marker.store === backend.files.realPath(store)) return { directory, marker }
    if (from === target.path) return undefined
    const text = `${directory} is no whole backup of ${store}: give another one as \`from\`, or none`
    throw new StoreError('ERR_BACKUP_TARGET', text, { file: directory, reason: 'other-store' })
  }

  /** What says that nothing is to be recovered. */
  async #writeOwn(directory: string, { checkpoint: fields, manifest }: Snapshot): Promise<void> {
    const { backend, options } = this.#context.parts
    const checkpoint = new Checkpoint(backend.files, join(directory, 'checkpoint'), options.compatibility)
    try {
      Object.assign(checkpoint.fields, fields)
      await checkpoint.write()
    } finally {
      checkpoint.close()
    }
    await writeManifest(backend, join(directory, MANIFEST_NAME), manifest)
  }

  /** Of the files as they will be named. */
  async #verify(target: BackupTarget, total: number, options: BackupOptions): Promise<NonNullable<BackupResult['findings']>> {
    await this.#pause(options, { phase: 'verify', done: 0, total })
    const findings = await checkCopy(target.draft, this.#context.parts)
    return findings.map(({ file, offset, what, bytes }) => ({ file: file.replace(target.draft, target.path), offset, what, bytes }))
  }

  /** Lets others work. */
  async #pause(options: BackupOptions, progress?: BackupProgress): Promise<void> {
    if (progress !== undefined) options.onProgress?.(progress)
    await new Promise((resume) => setImmediate(resume))
    this.#assertWanted(options)
  }

  #assertWanted({ signal }: BackupOptions): void {
    signal?.throwIfAborted()
    this.#closing.signal.throwIfAborted()
  }
}
