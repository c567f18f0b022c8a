import t from 'tap'
import { parseDelayLevels, resolveOptions } from '../../lib/options/options'

t.test('the default has 18 levels', async (t) => {
  const seconds = [1, 5, 10, 30, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600, 1200, 1800]
  t.same(
    parseDelayLevels(resolveOptions().options.messageDelayLevel),
    [...seconds, 3600, 7200].map((delay) => delay * 1000),
  )
})

t.test('every unit', async (t) => {
  t.same(parseDelayLevels('0s 2s 3m 4h 5d'), [0, 2_000, 180_000, 14_400_000, 432_000_000])
})

t.test('what is not well formed', async (t) => {
  const spacing = ['', ' ', '1s  2s', ' 1s', '1s ', '1s,2s', '1s\t2s']
  const levels = ['1', 's', '1S', '-1s', '1.5s', '1w', '１s', '999999999999999999d']
  for (const text of [...spacing, ...levels]) {
    t.throws(() => parseDelayLevels(text), {
      code: 'ERR_INVALID_OPTION',
      details: { key: 'messageDelayLevel', value: text, allowed: /one space/ },
    })
    t.throws(() => resolveOptions({ messageDelayLevel: text }), { code: 'ERR_INVALID_OPTION' })
  }
})
