/// Functions of the language's own that are values too. The number is what compiled code names them by.
public enum Builtin: UInt32, CaseIterable, Sendable {
    case mathAbs, mathFloor, mathCeil, mathRound, mathTrunc, mathSign, mathSqrt, mathMin, mathMax, mathPow, mathRandom
    case mathFround, mathImul, mathClz32
    case number, numberIsInteger, numberIsSafeInteger, numberIsFinite, numberIsNaN, parseFloat, parseInt, isNaN,
        isFinite
    case string, stringFromCharCode, boolean
    case arrayIsArray, arrayFrom, arrayOf, newArray
    case objectKeys, objectValues, objectEntries, objectAssign, objectFromEntries, objectHasOwn, objectIs
    case jsonParse, jsonStringify
    case dateNow
    case encodeURIComponent, decodeURIComponent
    case consoleLog, consoleError
    case promiseAll, promiseResolve
    case fetch
    case newMap, newSet

    #if !hasFeature(Embedded)
    /// What programs call them.
    package static let paths: [String: Builtin] = [
        "Math.abs": .mathAbs, "Math.floor": .mathFloor, "Math.ceil": .mathCeil, "Math.round": .mathRound,
        "Math.trunc": .mathTrunc, "Math.sign": .mathSign, "Math.sqrt": .mathSqrt, "Math.min": .mathMin,
        "Math.max": .mathMax, "Math.pow": .mathPow, "Math.random": .mathRandom, "Math.fround": .mathFround,
        "Math.imul": .mathImul, "Math.clz32": .mathClz32, "Number": .number, "Number.isInteger": .numberIsInteger,
        "Number.isSafeInteger": .numberIsSafeInteger, "Number.isFinite": .numberIsFinite,
        "Number.isNaN": .numberIsNaN, "Number.parseFloat": .parseFloat, "Number.parseInt": .parseInt,
        "parseFloat": .parseFloat, "parseInt": .parseInt, "isNaN": .isNaN, "isFinite": .isFinite,
        "String": .string, "String.fromCharCode": .stringFromCharCode, "Boolean": .boolean,
        "Array.isArray": .arrayIsArray, "Array.from": .arrayFrom, "Array.of": .arrayOf,
        "Object.keys": .objectKeys, "Object.values": .objectValues, "Object.entries": .objectEntries,
        "Object.assign": .objectAssign, "Object.fromEntries": .objectFromEntries, "Object.hasOwn": .objectHasOwn,
        "Object.is": .objectIs, "JSON.parse": .jsonParse, "JSON.stringify": .jsonStringify, "Date.now": .dateNow,
        "encodeURIComponent": .encodeURIComponent, "decodeURIComponent": .decodeURIComponent,
        "console.log": .consoleLog, "console.info": .consoleLog, "console.debug": .consoleLog,
        "console.error": .consoleError, "console.warn": .consoleError, "Promise.all": .promiseAll,
        "Promise.resolve": .promiseResolve, "fetch": .fetch,
    ]
    /// What programs make with `new`.
    package static let constructors: [String: Builtin] = ["Array": .newArray, "Map": .newMap, "Set": .newSet]
    /// Global names that are values.
    package static let constants: [String: Double] = [
        "NaN": .nan, "Infinity": .infinity, "Math.PI": 3.141592653589793, "Math.E": 2.718281828459045,
        "Math.SQRT2": 1.4142135623730951, "Math.LN2": 0.6931471805599453, "Math.LN10": 2.302585092994046,
        "Number.MAX_SAFE_INTEGER": 9_007_199_254_740_991, "Number.MIN_SAFE_INTEGER": -9_007_199_254_740_991,
        "Number.MAX_VALUE": .greatestFiniteMagnitude, "Number.MIN_VALUE": .leastNonzeroMagnitude,
        "Number.EPSILON": .ulpOfOne, "Number.POSITIVE_INFINITY": .infinity, "Number.NEGATIVE_INFINITY": -.infinity,
        "Number.NaN": .nan,
    ]
    #endif
}

func callBuiltin(_ builtin: Builtin, _ arguments: Arguments) -> Value {
    switch builtin {
    case .mathAbs, .mathFloor, .mathCeil, .mathRound, .mathTrunc, .mathSign, .mathSqrt, .mathFround, .mathClz32:
        return Value(number: roundedNumber(builtin, toNumber(arguments[0])))
    case .mathMin, .mathMax: return extreme(arguments, isMax: builtin == .mathMax)
    case .mathPow: return Value(number: power(toNumber(arguments[0]), toNumber(arguments[1])))
    case .mathImul: return Value(number: Double(toInt32(toNumber(arguments[0])) &* toInt32(toNumber(arguments[1]))))
    case .mathRandom: return Value(number: hostRandom())
    case .dateNow: return Value(number: hostNow())
    case .number, .numberIsInteger, .numberIsSafeInteger, .numberIsFinite, .numberIsNaN, .isNaN, .isFinite, .parseFloat,
        .parseInt:
        return callNumberFunction(builtin, arguments)
    case .string: return arguments.count == 0 ? Text.slice(load32(state.characters), 0, 0) : toTextValue(arguments[0])
    case .stringFromCharCode: return characters(arguments)
    case .boolean: return Value(truth: truthy(arguments[0]) == 1)
    case .arrayIsArray: return Value(truth: arguments[0].isArray)
    case .arrayFrom: return arrayFrom(arguments)
    case .arrayOf: return restOfArguments(arguments.count, arguments.list, 0)
    case .newArray: return newArray(arguments)
    case .objectKeys, .objectValues, .objectEntries, .objectAssign, .objectFromEntries, .objectHasOwn, .objectIs:
        return callObjectFunction(builtin, arguments)
    case .jsonParse:
        if arguments[1] != .undefined { abort(.type) }
        return JSONReader.read(Text.flatten(toText(arguments[0])))
    case .jsonStringify: return JSONText.make(arguments[0], arguments[1], arguments[2])
    case .encodeURIComponent, .decodeURIComponent: return callURIFunction(builtin, arguments)
    case .consoleLog, .consoleError: return log(arguments, stream: builtin == .consoleLog ? 1 : 2)
    case .promiseAll: return Promises.all(arguments[0])
    case .promiseResolve:
        if arguments[0].isSpecial(SpecialKind.promise) { return arguments[0] }
        let promise = Promises.make()
        Promises.resolve(promise.address, arguments[0])
        return promise
    case .fetch: return Calls.fetch(arguments)
    case .newMap, .newSet: return Collections.make(isMap: builtin == .newMap, arguments[0])
    }
}

private func roundedNumber(_ builtin: Builtin, _ number: Double) -> Double {
    switch builtin {
    case .mathAbs: return number.magnitude
    case .mathFloor: return number.rounded(.down)
    case .mathCeil: return number.rounded(.up)
    case .mathTrunc: return number.rounded(.towardZero)
    case .mathSqrt: return number.squareRoot()
    case .mathFround: return Double(Float(number))
    case .mathSign: return number > 0 ? 1 : number < 0 ? -1 : number
    case .mathClz32: return Double(UInt32(bitPattern: toInt32(number)).leadingZeroBitCount)
    default:
        let below = number.rounded(.down)
        let result = number - below >= 0.5 ? below + 1 : below
        return result == 0 && number.sign == .minus ? -0.0 : result
    }
}

private func extreme(_ arguments: Arguments, isMax: Bool) -> Value {
    var result = isMax ? -Double.infinity : Double.infinity
    for place in 0..<arguments.count {
        let number = toNumber(arguments[place])
        if number.isNaN || result.isNaN {
            result = .nan
        } else if number == 0, result == 0 {
            if (number.sign == .minus) != isMax { result = number }
        } else if isMax ? number > result : number < result {
            result = number
        }
    }
    return Value(number: result)
}

private func callNumberFunction(_ builtin: Builtin, _ arguments: Arguments) -> Value {
    let value = arguments[0]
    switch builtin {
    case .number: return arguments.count == 0 ? Value(number: 0.0) : toNumberValue(value)
    case .isNaN: return Value(truth: toNumber(value).isNaN)
    case .isFinite: return Value(truth: toNumber(value).isFinite)
    case .numberIsNaN: return Value(truth: value.isNumber && value.number.isNaN)
    case .numberIsFinite: return Value(truth: value.isNumber && value.number.isFinite)
    case .parseFloat:
        let text = Text.flatten(toText(value))
        var place = firstNonSpace(text)
        return Value(number: NumberText.decimal(text, &place, Text.length(text)) ?? .nan)
    case .parseInt: return parseInt(arguments)
    default:
        guard value.isNumber, value.number.isFinite, value.number == value.number.rounded(.towardZero) else {
            return .false
        }
        return Value(truth: builtin == .numberIsInteger || value.number.magnitude <= 9_007_199_254_740_991)
    }
}

private func firstNonSpace(_ text: Address) -> UInt32 {
    var place: UInt32 = 0
    while place < Text.length(text), NumberText.isSpace(Text.unit(text, place)) { place &+= 1 }
    return place
}

private func parseInt(_ arguments: Arguments) -> Value {
    let text = Text.flatten(toText(arguments[0]))
    let end = Text.length(text)
    var radix = UInt64(toInt32(toNumber(arguments[1])).magnitude)
    if toInt32(toNumber(arguments[1])) < 0 { return Value(number: Double.nan) }
    var start = firstNonSpace(text)
    var sign = 1.0
    if start < end, Text.unit(text, start) == 43 || Text.unit(text, start) == 45 {
        sign = Text.unit(text, start) == 45 ? -1 : 1
        start &+= 1
    }
    if radix == 0 || radix == 16, start &+ 1 < end, Text.unit(text, start) == 48,
        Text.unit(text, start &+ 1) | 32 == 120
    {
        radix = 16
        start &+= 2
    }
    if radix == 0 { radix = 10 }
    if radix < 2 || radix > 36 { return Value(number: Double.nan) }
    guard let number = NumberText.digits(text, start, end, radix: radix, isPrefix: true) else {
        return Value(number: Double.nan)
    }
    return Value(number: sign * number)
}

private func characters(_ arguments: Arguments) -> Value {
    var writer = TextWriter(capacity: max(1, arguments.count))
    for place in 0..<arguments.count {
        writer.append(unit: UInt16(truncatingIfNeeded: toInt32(toNumber(arguments[place]))))
    }
    return Value(Tag.string, at: writer.finish())
}

private func arrayFrom(_ arguments: Arguments) -> Value {
    let source = arguments[0]
    let result = makeArray(4)
    if source.isObject {
        let length = toNumber(Objects.get(source.address, Name.length.value.address))
        // Elements by name would be looked up for each.
        if Objects.count(source.address) != 1 || !(length >= 0 && length <= 100_000) { abort(.value) }
        for _ in 0..<UInt32(length) { Arrays.push(result.address, .undefined) }
    } else {
        spread(result, source)
    }
    if arguments[1] == .undefined { return result }
    if !arguments[1].isCallable { abort(.exception) }
    for place in 0..<Arrays.length(result.address) {
        let value = call(arguments[1], Arrays.element(result.address, place), Value(count: place))
        Arrays.setElement(result.address, place, value)
    }
    return result
}

private func newArray(_ arguments: Arguments) -> Value {
    guard arguments.count == 1, arguments[0].isNumber else {
        return restOfArguments(arguments.count, arguments.list, 0)
    }
    let length = arguments[0].number
    guard length >= 0, length == length.rounded(.towardZero), length <= Double(Arrays.maxLength) else {
        abort(.exception)
    }
    let array = makeArray(UInt32(length))
    for _ in 0..<UInt32(length) { Arrays.push(array.address, .absent) }
    return array
}

/// A line of text, of values whose form for people is plain.
private func log(_ arguments: Arguments, stream: UInt32) -> Value {
    var writer = TextWriter(capacity: 64)
    for place in 0..<arguments.count {
        let value = arguments[place]
        if value.isReference { abort(.type) }
        let text = Text.flatten(value == Value(number: -0.0) ? Text.literal("-0").address : toText(value))
        if place == 0, arguments.count > 1, value.isString,
            Text.find(Text.character(37).address, in: text, from: 0) != nil
        {
            abort(.value)
        }
        if place > 0 { writer.append(byte: 32) }
        writer.append(text: text)
    }
    let bytes = UTF8Text.encode(writer.finish())
    hostLog(stream, bytes.start, bytes.count)
    return .undefined
}
