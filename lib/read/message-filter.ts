import { StoreError } from '../errors'
import { hashCode } from '../format/java-string'
import type { LogReader } from '../commit-log/log-reader'
import type { MessageFilter } from '../types'

/** Makes the caller's filter, or an expression of tags (`a || b`, `*` or nothing for all), into one to ask. */
export function compileFilter(filter: string | MessageFilter | undefined): MessageFilter | undefined {
  if (typeof filter === 'object' && filter !== null) return filter
  if (filter === undefined || filter === '*' || filter.trim() === '') return undefined
  const tags = filter.split('||').map((tag) => tag.trim()).filter((tag) => tag !== '')
  if (tags.length === 0) {
    throw new StoreError('ERR_INVALID_ARGUMENT', `a tag filter is written a || b, not ${JSON.stringify(filter)}`, { value: filter })
  }
  const codes = new Set(tags.map((tag) => hashCode(tag)))
  return { matchesEntry: (tagsCode) => codes.has(tagsCode | 0) }
}

export function matchesEntry(filter: MessageFilter | undefined, tagsCode: number): boolean {
  return filter?.matchesEntry === undefined || filter.matchesEntry(tagsCode)
}

/** Whether the filter takes the message that lies at `offset` of the log, `size` bytes of it, which is there. */
export function matchesMessage(filter: MessageFilter | undefined, reader: LogReader, offset: number, size: number): boolean {
  return filter?.matchesMessage === undefined || filter.matchesMessage(reader.message(offset, size)!)
}
