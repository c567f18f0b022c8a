import type { MessageStore } from '../store'
import { counters, gauges, histograms, namesOf, type Labels, type Metric } from './metrics'
import { StoreMetrics, endWith, type HistogramSample, type ObserveOptions, type StoreObservation } from './store-metrics'

/** What is needed of a `Registry` of `prom-client`. */
export interface PrometheusRegistry {
  /** Takes a metric, whose values it asks for with each scrape. */
  registerMetric(metric: any): void
  /** The metric with this name. */
  getSingleMetric(name: string): unknown
  /** Forgets a metric. */
  removeSingleMetric(name: string): void
}

/** A line of the text that Prometheus reads. */
interface Line {
  labels: Labels
  value: number
  /** Where it is not that of the metric. */
  metricName?: string
}

/**
 * Registers the metrics of a store with a registry of `prom-client`; docs/observation.md has all of them. Counters and histograms
 * begin at 0 with the call. Several stores may go to one registry: give them labels that tell them apart.
 *
 * @throws what the registry throws when a name is taken by something else
 */
export function registerPrometheus(store: MessageStore, registry: PrometheusRegistry, options: ObserveOptions = {}): StoreObservation {
  const metrics = new StoreMetrics(store, options)
  const removals = [() => metrics.stop()]

  function register(name: string, description: Metric, lines: () => Line[]): void {
    const known = registry.getSingleMetric(name)
    const metric = known instanceof PrometheusMetric ? known : new PrometheusMetric(name, description)
    if (metric !== known) registry.registerMetric(metric)
    metric.sources.add(lines)
    removals.push(() => {
      metric.sources.delete(lines)
      if (metric.sources.size === 0 && registry.getSingleMetric(name) === metric) registry.removeSingleMetric(name)
    })
  }

  const observation = endWith(store, () => {
    for (const remove of removals) remove()
  })
  try {
    for (const name of namesOf(counters)) register(name, counters[name], () => metrics.read(name))
    for (const name of namesOf(gauges)) register(name, gauges[name], () => metrics.read(name))
    for (const name of namesOf(histograms)) {
      register(name, histograms[name], () => metrics.readHistogram(name).flatMap((sample) => linesOf(name, sample)))
    }
  } catch (error) {
    observation.stop()
    throw error
  }
  return observation
}

/** A metric as prom-client wants it. Its own kinds have to be told each value, which is slow, or cannot be asked, as its histogram. */
class PrometheusMetric {
  /** Changed by prom-client for OpenMetrics. */
  name: string
  readonly help: string
  readonly type: Metric['type']
  /** What becomes of it where prom-client gathers several processes. */
  readonly aggregator = 'sum'
  /** One for each store. */
  readonly sources = new Set<() => Line[]>()

  constructor(name: string, { type, description }: Metric) {
    this.name = name
    this.help = description
    this.type = type
  }

  async get(): Promise<object> {
    const { name, help, type, aggregator } = this
    return { name, help, type, aggregator, values: [...this.sources].flatMap((lines) => lines()) }
  }

  /** What a store has done is not undone. */
  reset(): void {}
}

/** Each bucket has, for Prometheus, what is in those below it as well. */
function linesOf(name: string, { labels, histogram: { bounds, counts, count, sum } }: HistogramSample): Line[] {
  let below = 0
  const buckets = counts.map((inBucket, index) => {
    below += inBucket
    return { metricName: `${name}_bucket`, labels: { ...labels, le: String(bounds[index] ?? '+Inf') }, value: below }
  })
  return [...buckets, { metricName: `${name}_sum`, labels, value: sum }, { metricName: `${name}_count`, labels, value: count }]
}
