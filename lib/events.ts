import type { Channel } from 'node:diagnostics_channel'
import { EventEmitter } from 'node:events'
import { eventChannels } from './channels'
import type { StoreEvents } from './types'

type Listener<Name extends keyof StoreEvents> = (event: StoreEvents[Name]) => void

/** The events of a store, typed. What a listener throws surfaces as an uncaught exception, never inside the store. */
export class StoreEmitter {
  readonly #emitter = new EventEmitter()

  on<Name extends keyof StoreEvents>(name: Name, listener: Listener<Name>): this {
    this.#emitter.on(name, listener)
    return this
  }

  once<Name extends keyof StoreEvents>(name: Name, listener: Listener<Name>): this {
    this.#emitter.once(name, listener)
    return this
  }

  off<Name extends keyof StoreEvents>(name: Name, listener: Listener<Name>): this {
    this.#emitter.off(name, listener)
    return this
  }

  protected hasListeners(name: keyof StoreEvents): boolean {
    return this.#emitter.listenerCount(name) > 0 || channelOf(name)?.hasSubscribers === true
  }

  protected emit<Name extends keyof StoreEvents>(name: Name, event: StoreEvents[Name]): void {
    if (!this.hasListeners(name)) return
    const channel = channelOf(name)
    if (channel?.hasSubscribers) channel.publish({ ...event, store: this })
    // One by one: what one of them throws must not keep the others from hearing of it.
    for (const listener of this.#emitter.rawListeners(name)) {
      try {
        listener(event)
      } catch (error) {
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }
}

/** The channel that says the same. */
function channelOf(name: keyof StoreEvents): Channel | undefined {
  return eventChannels[name as keyof typeof eventChannels]
}
