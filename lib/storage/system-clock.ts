import type { Clock } from './ports'

export const systemClock: Clock = {
  now: () => Date.now(),

  startTimer(milliseconds, callback) {
    const timer = setTimeout(callback, milliseconds)
    timer.unref()
    return () => clearTimeout(timer)
  },
}
