// kubernetes.mjs KUBECTL TABLE SCRATCH: what kubernetes.sh says. TABLE has objects, weights, patches and results.
import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { promisify, isDeepStrictEqual } from 'node:util'
import { HTTPRoute } from '@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1/HTTPRoute'
import { VirtualService } from '@kubernetes-models/istio/networking.istio.io/v1/VirtualService'

const [kubectl, table, scratch] = process.argv.slice(2)
const cases = JSON.parse(readFileSync(table, 'utf8'))
const kinds = { HTTPRoute, VirtualService }
const run = promisify(execFile)
let findings = 0
const counts = { applied: 0, refused: 0, valid: 0, invalid: 0 }

function finding (what, why) {
  findings += 1
  console.log(`FAILED  ${what}: ${why}`)
}

/** What kubectl makes of an object, or undefined if it refuses the patch. */
async function patched (name, object, patch) {
  const file = `${scratch}/${name}.json`
  writeFileSync(file, JSON.stringify(object))
  const args = ['patch', '--local', '--type=json', '-f', file, '-o', 'json', '-p', JSON.stringify(patch)]
  try {
    return JSON.parse((await run(kubectl, args)).stdout)
  } catch (error) {
    if (!/test failed|testing (path|value)/i.test(error.stderr ?? '')) finding(name, `kubectl says ${error.stderr ?? error}`)
    return undefined
  }
}

/** The first thing that a kind's schema does not like, or undefined; null where there is no schema. */
function dislikes (object) {
  const Kind = kinds[object.kind]
  if (!Kind) return null
  try {
    new Kind(object).validate()
    return undefined
  } catch (error) {
    return error.message
  }
}

/** The same object with each path that the patch tests made to be something else, one at a time. */
function * changes (object, patch) {
  for (const { op, path } of patch) {
    if (op !== 'test') continue
    const copy = structuredClone(object)
    const keys = path.slice(1).split('/')
    const last = keys.pop()
    keys.reduce((value, key) => value[key], copy)[last] = 'other'
    yield [path, copy]
  }
}

async function check ({ what, weight, object, patch, result }, index) {
  const name = `${object.kind}, ${what}, ${weight} %`
  const made = await patched(`case-${index}`, object, patch)
  if (isDeepStrictEqual(made, result)) counts.applied += 1
  else finding(name, `kubectl makes of it ${JSON.stringify(made)}`)
  for (const [path, copy] of changes(object, patch)) {
    if (await patched(`case-${index}-other`, copy, patch) === undefined) counts.refused += 1
    else finding(name, `kubectl patches an object whose ${path} has changed`)
  }
  const said = dislikes(result)
  if (said === undefined) counts.valid += 1
  else if (said !== null) finding(name, said)
  // The schema is one that sees weights.
  for (const wrong of said === null ? [] : [-1, '5', 1.5]) {
    const copy = structuredClone(result)
    const { path } = patch.find(({ op, path }) => op === 'add' && path.endsWith('/weight'))
    const keys = path.slice(1).split('/')
    keys.slice(0, -1).reduce((value, key) => value[key], copy).weight = wrong
    // Istio's schema has no lowest weight.
    if (wrong === -1 && object.kind === 'VirtualService') continue
    if (dislikes(copy)?.includes('weight')) counts.invalid += 1
    else finding(name, `its schema takes a weight of ${JSON.stringify(wrong)}`)
  }
}

let next = 0
await Promise.all([1, 2, 3, 4].map(async () => {
  while (next < cases.length) {
    const index = next++
    await check(cases[index], index)
  }
}))
if (findings > 0 || cases.length === 0) process.exit(1)
const { applied, refused, valid, invalid } = counts
console.log(`kubectl applied ${applied} patches as mlgate would and refused ${refused} on changed objects; ` +
  `${valid} results are valid, ${invalid} weights that are none were refused`)
