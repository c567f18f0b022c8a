/** Milliseconds of work after which others have their turn. */
const SLICE = 4

/**
 * Long work on the main thread in slices: what is returned is called after each step, and pauses where those since the last pause
 * have taken long enough. To pause after a number of steps would not do: how long a step takes depends on the disk, and how long
 * a pause takes on what others have to do.
 */
export function inSlices<Progress extends unknown[]>(pause: (...progress: Progress) => Promise<unknown>): (...progress: Progress) => Promise<void> {
  let end = performance.now() + SLICE
  return async (...progress) => {
    if (performance.now() < end) return
    await pause(...progress)
    end = performance.now() + SLICE
  }
}
