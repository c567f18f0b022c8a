/** Segment files are named by the offset of their first byte: at least 20 digits. */
export function segmentName(fromOffset: number): string {
  return String(fromOffset).padStart(20, '0')
}

/** The offset in a segment's name, or undefined for a name that is not one. */
export function parseSegmentName(name: string): number | undefined {
  if (!/^\d{1,20}$/.test(name)) return undefined
  const offset = Number(name)
  return Number.isSafeInteger(offset) ? offset : undefined
}

/** Index files are named by their time of creation, local time: yyyyMMddHHmmssSSS. */
export function indexFileName(milliseconds: number): string {
  const time = new Date(milliseconds)
  const two = (value: number): string => String(value).padStart(2, '0')
  return (
    String(time.getFullYear()).padStart(4, '0') +
    two(time.getMonth() + 1) + two(time.getDate()) + two(time.getHours()) + two(time.getMinutes()) + two(time.getSeconds()) +
    String(time.getMilliseconds()).padStart(3, '0')
  )
}

const INDEX_FILE_NAME = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d{3})$/

export function isIndexFileName(name: string): boolean {
  return INDEX_FILE_NAME.test(name)
}

/** The time in an index file's name, or undefined for a name that is not one. */
export function parseIndexFileName(name: string): number | undefined {
  const parts = INDEX_FILE_NAME.exec(name)
  if (parts === null) return undefined
  const [year, month, day, hour, minute, second, millisecond] = parts.slice(1).map(Number) as [
    number, number, number, number, number, number, number,
  ]
  return new Date(year, month - 1, day, hour, minute, second, millisecond).getTime()
}
