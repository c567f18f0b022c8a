'use strict'

// Writes API.md from the docstrings of what lib/index.ts exports, and from docs/errors.md.
//
//   node docs/generate-api.js            writes API.md; exit code 1 where something has no docstring
//   node docs/generate-api.js --check    writes nothing, and fails where API.md is not what it would write

const fs = require('node:fs')
const path = require('node:path')
const ts = require('typescript')

const root = path.join(__dirname, '..')
const apiFile = path.join(root, 'API.md')
const errorsFile = path.join(__dirname, 'errors.md')

/** What API.md is made of, in its order. Every export stands in one of these. */
const sections = [
  { title: 'The store', names: ['MessageStore'] },
  {
    title: 'Writing',
    names: ['Message', 'MessageBatch', 'Properties', 'PutResult', 'PutStatus'],
  },
  {
    title: 'Reading',
    names: [
      'GetRequest', 'ReadRequest', 'MessageFilter', 'GetResult', 'GetStatus', 'StoredMessage', 'QueryRequest', 'QueryResult',
      'OffsetByTimeRequest', 'QueueInfo',
    ],
  },
  { title: 'Opening', names: ['OpenOptions', 'StoreOptions', 'Compatibility', 'FlushDiskType', 'BrokerRole', 'Visibility', 'ResolvedOptions', 'UnusedProperty', 'Clock'] },
  { title: 'Recovery', names: ['RecoveryReport', 'RecoveryProgress', 'Damage'] },
  { title: 'Room and flow', names: ['RunningFlags', 'RunningFlag', 'DiskVolume', 'DiskLevel', 'Pressure'] },
  {
    title: 'Retention',
    names: ['Retention', 'RetentionOptions', 'RetentionPreview', 'PlannedDeletion', 'DelayedDeletion', 'SegmentInfo', 'DeletionReport', 'Deletion', 'DeletionReason'],
  },
  {
    title: 'Consumer offsets and settings',
    names: [
      'StoreConfig', 'ConfigTable', 'ConsumerOffsets', 'ConsumerPlace', 'DelayOffsets', 'SettingsTable', 'TopicSettings', 'GroupSettings', 'UnconsumedMessage',
    ],
  },
  {
    title: 'Replication',
    names: [
      'Replication', 'Promotion', 'HaSecurity', 'ReplicationStatus', 'ReplicaStatus', 'MasterStatus', 'ReplicatedLog', 'Intake', 'Divergence',
    ],
  },
  { title: 'Backup', names: ['BackupOptions', 'BackupProgress', 'BackupResult'] },
  { title: 'Events', names: ['StoreEvents'] },
  { title: 'Dispatchers', names: ['Dispatcher', 'DispatchRecord'] },
  {
    title: 'Observation',
    names: [
      'registerPrometheus', 'observeWithOpenTelemetry', 'ObserveOptions', 'StoreObservation', 'ConsumerOffset', 'Labels', 'StoreChannels',
      'PrometheusRegistry', 'OpenTelemetryMeter', 'OpenTelemetryInstrument', 'OpenTelemetryCallback',
    ],
  },
  { title: 'Errors', names: ['StoreError', 'isStoreError', 'ErrorDetails', 'ErrorCode', 'errorCodes'] },
]

const head = `# API

Made by \`npm run docs\` from the docstrings in \`lib/\`; do not edit. README.md has the introduction.

Offsets and sizes are numbers of bytes, times are milliseconds since 1970, both plain numbers. A *queue offset* is the place of
a message in its queue, counted in messages from 0; a *commit log offset* is the place of its record in the log, in bytes.
`

function openProgram() {
  const configFile = path.join(root, 'tsconfig.json')
  const { config } = ts.readConfigFile(configFile, ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root)
  return ts.createProgram([path.join(root, 'lib', 'index.ts')], { ...options, noEmit: true })
}

/** Everything that walks the program; `problems` collects what has no docstring. */
class Printer {
  constructor(program) {
    this.checker = program.getTypeChecker()
    this.problems = []
    const moduleSymbol = this.checker.getSymbolAtLocation(program.getSourceFile(path.join(root, 'lib', 'index.ts')))
    this.exports = new Map()
    for (const symbol of this.checker.getExportsOfModule(moduleSymbol)) {
      const isAlias = symbol.flags & ts.SymbolFlags.Alias
      this.exports.set(symbol.name, isAlias ? this.checker.getAliasedSymbol(symbol) : symbol)
    }
  }

  print() {
    const listed = new Set(sections.flatMap(({ names }) => names))
    for (const name of this.exports.keys()) {
      if (!listed.has(name)) this.problems.push(`${name} is exported, and in no section of docs/generate-api.js`)
    }
    const contents = sections.map(({ title, names }) =>
      `- ${title}: ${names.map((name) => `[${name}](#${name.toLowerCase()})`).join(' · ')}`)
    const bodies = sections.map(({ title, names }) =>
      [`## ${title}`, ...names.map((name) => this.printExport(name))].join('\n\n'))
    return [head.trimEnd(), contents.join('\n'), ...bodies, this.printErrors()].join('\n\n') + '\n'
  }

  printExport(name) {
    const symbol = this.exports.get(name)
    if (symbol === undefined) {
      this.problems.push(`${name} stands in docs/generate-api.js, and is not exported`)
      return `### ${name}`
    }
    const declaration = symbol.declarations[0]
    const parts = [`### ${name}`]
    const { text, isInternal } = this.docOf(symbol)
    if (isInternal) this.problems.push(`${name} is exported, and marked as internal`)
    const ownText = text === '' ? this.describeByOption(name) : text
    if (ownText === '') this.problems.push(`${name} has no docstring`)
    parts.push(ownText)
    if (ts.isClassDeclaration(declaration)) parts.push(...this.printClass(symbol))
    else if (ts.isInterfaceDeclaration(declaration)) parts.push(...this.printInterface(symbol))
    else if (ts.isFunctionDeclaration(declaration)) parts.push(code(this.signatureOf(declaration, name)))
    else if (ts.isTypeAliasDeclaration(declaration)) parts.push(code(`type ${name} = ${oneLine(declaration.type.getText()).replace(/^\| /, '')}`))
    else if (ts.isVariableDeclaration(declaration)) parts.push(code(`const ${name}: readonly ErrorCode[]`))
    else this.problems.push(`${name}: a kind of export that docs/generate-api.js does not know`)
    return parts.filter((part) => part !== '').join('\n\n')
  }

  /** The type of an option is explained where the option is. */
  describeByOption(name) {
    for (const owner of ['StoreOptions', 'OpenOptions']) {
      for (const member of this.exports.get(owner)?.members?.values() ?? []) {
        const isOfType = member.valueDeclaration.type?.getText() === name
        if (isOfType && this.docOf(member).text !== '') return `What the option \`${member.name}\` takes.`
      }
    }
    return ''
  }

  printClass(symbol) {
    const declaration = symbol.declarations[0]
    const parts = []
    const base = this.baseOf(declaration)
    const members = declaration.members.filter((member) => this.isPublic(member))
    const fields = members.filter((member) => !isCallable(member))
    const byName = new Map()
    for (const member of members.filter(isCallable)) {
      const name = nameOf(member)
      // A constructor without a docstring is not meant for callers.
      if (ts.isConstructorDeclaration(member) && this.docOfNode(member).text === '') continue
      if (!byName.has(name)) byName.set(name, [])
      byName.get(name).push(member)
    }
    if (fields.length > 0) parts.push(this.printFields(fields.map((field) => this.checker.getSymbolAtLocation(field.name))))
    for (const [name, declarations] of byName) parts.push(this.printMethod(symbol.name, name, declarations))
    if (base !== undefined) parts.push(this.printInherited(base))
    return parts
  }

  printMethod(className, name, declarations) {
    // Of an overloaded method the last declaration is the implementation, which nobody sees.
    const visible = declarations.length > 1 ? declarations.slice(0, -1) : declarations
    const texts = visible.map((declaration) => this.docOfNode(declaration).text).filter((text) => text !== '')
    const isDispose = name === '[Symbol.asyncDispose]'
    if (texts.length === 0 && !isDispose) this.problems.push(`${className}.${name} has no docstring`)
    const signatures = visible.map((declaration) => code(this.signatureOf(declaration, name)))
    // Overloads that are explained one by one are shown so.
    const body = texts.length === visible.length
      ? signatures.flatMap((signature, index) => [signature, texts[index]])
      : [code(signatures.map(unfence).join('\n')), isDispose ? 'The same as `close`, for `await using`.' : texts.join('\n\n')]
    return [`#### ${className}.${name}`, ...body].join('\n\n')
  }

  /** Methods of a class that is not exported itself: its docstring stands for all of them. */
  printInherited(base) {
    const { text } = this.docOf(base)
    if (text === '') this.problems.push(`${base.name} has no docstring`)
    const methods = base.declarations[0].members.filter((member) => this.isPublic(member) && isCallable(member))
    const signatures = methods.map((method) => this.signatureOf(method, nameOf(method)))
    return [`#### ${methods.map((method) => nameOf(method)).join(', ')}`, code(signatures.join('\n')), text].join('\n\n')
  }

  printInterface(symbol) {
    const declaration = symbol.declarations[0]
    const parts = []
    const bases = declaration.heritageClauses?.flatMap((clause) => clause.types.map((type) => type.getText())) ?? []
    if (bases.length > 0) parts.push(`Besides, it has what ${bases.map((base) => this.code(base)).join(' and ')} has.`)
    // An index signature has no name, and is explained by the interface.
    const members = declaration.members.flatMap((member) => (member.name === undefined ? [] : [this.checker.getSymbolAtLocation(member.name)]))
    for (const member of members) {
      if (ts.isMethodSignature(member.valueDeclaration) && this.docOf(member).text === '') {
        this.problems.push(`${symbol.name}.${member.name} has no docstring`)
      }
    }
    parts.push(this.printFields(members))
    return parts
  }

  printFields(symbols) {
    const rows = symbols.map((symbol) => {
      const { valueDeclaration } = symbol
      const isOptional = valueDeclaration.questionToken !== undefined
      const { text } = this.docOf(symbol)
      const type = this.typeTextOf(valueDeclaration)
      return `| \`${symbol.name}${isOptional ? '?' : ''}\` | ${cell(`\`${type}\``)} | ${cell(oneLine(text))} |`
    })
    return ['| name | type | |', '|---|---|---|', ...rows].join('\n')
  }

  typeTextOf(declaration) {
    if (ts.isMethodSignature(declaration)) {
      return oneLine(`(${declaration.parameters.map((parameter) => parameter.getText()).join(', ')}) => ${declaration.type.getText()}`)
    }
    if (declaration.type !== undefined) return oneLine(stripComments(declaration.type.getText()))
    return this.checker.typeToString(this.checker.getTypeAtLocation(declaration))
  }

  signatureOf(declaration, name) {
    const typeParameters = declaration.typeParameters?.map((parameter) => parameter.getText()).join(', ')
    const parameters = declaration.parameters.map((parameter) => oneLine(parameter.getText())).join(', ')
    const generic = typeParameters === undefined ? '' : `<${typeParameters}>`
    if (ts.isConstructorDeclaration(declaration)) return `new ${declaration.parent.name.text}(${parameters})`
    const isStatic = declaration.modifiers?.some((modifier) => modifier.kind === ts.SyntaxKind.StaticKeyword)
    const owner = isStatic ? `${declaration.parent.name.text}.` : ''
    return `${owner}${name}${generic}(${parameters}): ${oneLine(declaration.type.getText())}`
  }

  isPublic(member) {
    if (member.name !== undefined && ts.isPrivateIdentifier(member.name)) return false
    const hidden = [ts.SyntaxKind.PrivateKeyword, ts.SyntaxKind.ProtectedKeyword]
    if (member.modifiers?.some((modifier) => hidden.includes(modifier.kind))) return false
    return !this.docOfNode(member).isInternal
  }

  baseOf(declaration) {
    const clause = declaration.heritageClauses?.find(({ token }) => token === ts.SyntaxKind.ExtendsKeyword)
    if (clause === undefined) return undefined
    const symbol = this.checker.getTypeAtLocation(clause.types[0]).symbol
    const isOurs = !symbol.declarations[0].getSourceFile().isDeclarationFile
    return isOurs && !this.exports.has(symbol.name) ? symbol : undefined
  }

  docOf(symbol) {
    return this.docOfNode(symbol.declarations[0])
  }

  /** The last docstring before a node, with its tags, references turned into links. */
  docOfNode(node) {
    const holder = ts.isVariableDeclaration(node) ? node.parent.parent : node
    const comment = holder.jsDoc?.at(-1)
    if (comment === undefined) return { text: '', isInternal: false }
    const tags = comment.tags ?? []
    const paragraphs = [this.textOf(comment.comment)]
    for (const tag of tags) {
      const text = this.textOf(tag.comment)
      const name = tag.tagName.text
      if (name === 'internal') return { text: '', isInternal: true }
      if (name === 'throws') paragraphs.push(`Throws ${upperCodes(text)}.`)
      else if (name === 'returns') paragraphs.push(`Returns ${text}.`)
      else if (name === 'param') paragraphs.push(`\`${tag.name.getText()}\`: ${text}.`)
      else this.problems.push(`the tag @${name} is unknown to docs/generate-api.js`)
    }
    return { text: paragraphs.filter((paragraph) => paragraph !== '').join('\n\n'), isInternal: false }
  }

  textOf(comment) {
    if (comment === undefined) return ''
    if (typeof comment === 'string') return reflow(comment)
    return reflow(comment.map((part) => (ts.isJSDocLink(part) ? this.linkOf(part) : part.text)).join(''))
  }

  linkOf(part) {
    const name = part.name?.getText() ?? ''
    return this.code(name)
  }

  /** A name in code, with a link where this page explains it. */
  code(name) {
    return this.exports.has(name) ? `[\`${name}\`](#${name.toLowerCase()})` : `\`${name}\``
  }

  printErrors() {
    const codes = this.errorCodes()
    // It lies beside the documents that it points to, API.md above them.
    const text = fs.readFileSync(errorsFile, 'utf8').replace(/\]\((?=[a-z]+\.md)/g, '](docs/')
    const described = [...text.matchAll(/^### (\w+)$/gm)].map(([, name]) => name)
    for (const name of codes) if (!described.includes(name)) this.problems.push(`docs/errors.md has nothing about ${name}`)
    for (const name of described) if (!codes.includes(name)) this.problems.push(`docs/errors.md has ${name}, which is no code`)
    if (String(codes) !== String(described)) this.problems.push('docs/errors.md has not the order of lib/errors.ts')
    // One level deeper than in its own file.
    return text.trimEnd().replace(/^#(?=#* )/gm, '##')
  }

  errorCodes() {
    const declaration = this.exports.get('errorCodes').declarations[0]
    const { elements } = declaration.initializer.expression
    return elements.map((element) => element.text)
  }
}

function isCallable(member) {
  return ts.isMethodDeclaration(member) || ts.isConstructorDeclaration(member)
}

function nameOf(member) {
  return ts.isConstructorDeclaration(member) ? 'constructor' : member.name.getText()
}

function unfence(text) {
  return text.split('\n').slice(1, -1).join('\n')
}

function code(text) {
  return ['```ts', text, '```'].join('\n')
}

function stripComments(text) {
  return text.replace(/\/\*\*.*?\*\//gs, '')
}

function oneLine(text) {
  return text.replace(/\s+/g, ' ').trim()
}

/** Lines of a docstring belong to one paragraph, unless an empty one is between them. */
function reflow(text) {
  return text.split(/\n\s*\n/).map(oneLine).filter((paragraph) => paragraph !== '').join('\n\n')
}

function cell(text) {
  return text.replaceAll('|', '\\|')
}

function upperCodes(text) {
  return text.replace(/\bERR_[A-Z_]+\b/g, (name) => `[\`${name}\`](#${name.toLowerCase()})`).replace(/\.$/, '')
}

/** @returns the text of API.md, and what is to be mended before it is complete */
function generateApi() {
  const printer = new Printer(openProgram())
  const text = printer.print()
  return { text, problems: printer.problems }
}

function main(isCheck) {
  const { text, problems } = generateApi()
  for (const problem of problems) console.error(problem)
  const isStale = !fs.existsSync(apiFile) || fs.readFileSync(apiFile, 'utf8') !== text
  if (isCheck && isStale) console.error('API.md is not up to date: run npm run docs')
  if (!isCheck) fs.writeFileSync(apiFile, text)
  return problems.length > 0 || (isCheck && isStale) ? 1 : 0
}

module.exports = { generateApi, apiFile }

if (require.main === module) process.exitCode = main(process.argv.includes('--check'))
