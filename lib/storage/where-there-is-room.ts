import type { StoreError } from '../errors'

/** Awaits the writing of something that can wait. @returns false where the disk was too full for it */
export async function whereThereIsRoom(writing: Promise<unknown>): Promise<boolean> {
  try {
    await writing
    return true
  } catch (error) {
    if ((error as StoreError).code !== 'ERR_DISK_FULL') throw error
    return false
  }
}
