import type { MessageStore } from '../store'
import { counters, gauges, histograms, namesOf, type Labels, type NumberName } from './metrics'
import { StoreMetrics, endWith, type ObserveOptions, type StoreObservation } from './store-metrics'

/** What is needed of the `Meter` of `@opentelemetry/api`, which has it from 1.7 on. */
export interface OpenTelemetryMeter {
  /** Makes a counter that is asked for its values. */
  createObservableCounter(name: string, options: { description: string; unit: string }): OpenTelemetryInstrument
  /** Makes a gauge that is asked for its values. */
  createObservableGauge(name: string, options: { description: string; unit: string }): OpenTelemetryInstrument
  /** Makes a histogram, which is told of each value. */
  createHistogram(
    name: string, options: { description: string; unit: string; advice: { explicitBucketBoundaries: number[] } },
  ): { record(value: number, attributes: Labels): void }
}

/** An instrument that is asked for its values. */
export interface OpenTelemetryInstrument {
  /** From now on the instrument asks by `callback`. */
  addCallback(callback: OpenTelemetryCallback): void
  /** It no longer does. */
  removeCallback(callback: OpenTelemetryCallback): void
}

/** Tells an instrument its values. */
export type OpenTelemetryCallback = (result: { observe(value: number, attributes: Labels): void }) => void

/**
 * Gives the metrics of a store to OpenTelemetry, as instruments of `meter`; docs/observation.md has all of them. Counters begin at 0
 * with the call. Histograms are OpenTelemetry's own: it is told of each message, in the call that stores it.
 */
export function observeWithOpenTelemetry(store: MessageStore, meter: OpenTelemetryMeter, options: ObserveOptions = {}): StoreObservation {
  const recorders = new Map(namesOf(histograms).map((name) => {
    const { description, unit, bounds } = histograms[name]
    return [name, meter.createHistogram(name, { description, unit, advice: { explicitBucketBoundaries: [...bounds] } })]
  }))
  const metrics = new StoreMetrics(store, options, (name, value, labels) => recorders.get(name)!.record(value, labels))
  const removals: (() => void)[] = []

  function observe(name: NumberName, instrument: OpenTelemetryInstrument): void {
    const callback: OpenTelemetryCallback = (result) => {
      for (const { labels, value } of metrics.read(name)) result.observe(value, labels)
    }
    instrument.addCallback(callback)
    removals.push(() => instrument.removeCallback(callback))
  }

  for (const name of namesOf(counters)) observe(name, meter.createObservableCounter(name, counters[name]))
  for (const name of namesOf(gauges)) observe(name, meter.createObservableGauge(name, gauges[name]))
  return endWith(store, () => {
    for (const remove of removals) remove()
    metrics.stop()
  })
}
