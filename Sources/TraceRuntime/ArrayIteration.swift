/// Methods of Array.prototype that call a function for each element. An array that the function changes is seen as the
/// language has it: up to the length that was there at the beginning, with what is there when its turn comes.
func callIterationMethod(_ receiver: Value, _ name: Name, _ arguments: Arguments) -> Value {
    switch name {
    case .map, .filter, .flatMap, .forEach, .find, .findIndex, .some, .every:
        if !arguments[0].isCallable { abort(.exception) }
        return visit(receiver, name, arguments[0])
    case .reduce:
        if !arguments[0].isCallable { abort(.exception) }
        return reduce(receiver, arguments)
    case .keys, .values, .entries: abort(.type)
    default: abort(.type)
    }
}

private func visit(_ receiver: Value, _ name: Name, _ function: Value) -> Value {
    let array = receiver.address
    let length = Arrays.length(array)
    let result = name == .map || name == .filter || name == .flatMap ? makeArray(name == .map ? length : 4) : .undefined
    for place in 0..<length {
        // Gone since the beginning: `find` would see undefined, others a hole.
        if place >= Arrays.length(array) { abort(.value) }
        let element = Arrays.element(array, place)
        let value = call(function, element, Value(count: place), receiver)
        switch name {
        case .map: Arrays.push(result.address, value)
        case .filter: if truthy(value) == 1 { Arrays.push(result.address, element) }
        case .flatMap: if value.isArray { spread(result, value) } else { Arrays.push(result.address, value) }
        case .find: if truthy(value) == 1 { return element }
        case .findIndex: if truthy(value) == 1 { return Value(count: place) }
        case .some: if truthy(value) == 1 { return .true }
        case .every: if truthy(value) == 0 { return .false }
        default: break
        }
    }
    switch name {
    case .findIndex: return Value(number: -1.0)
    case .some: return .false
    case .every: return .true
    default: return result
    }
}

private func reduce(_ receiver: Value, _ arguments: Arguments) -> Value {
    let array = receiver.address
    let length = Arrays.length(array)
    var place: UInt32 = 0
    var result = arguments[1]
    if arguments.count < 2 {
        if length == 0 { abort(.exception) }
        result = Arrays.element(array, 0)
        place = 1
    }
    while place < length {
        if place >= Arrays.length(array) { abort(.value) }
        let list = allocate(32)
        store64(list, result)
        store64(list &+ 8, Arrays.element(array, place))
        store64(list &+ 16, Value(count: place))
        store64(list &+ 24, receiver)
        result = callValue(arguments[0], .undefined, 4, list)
        place &+= 1
    }
    return result
}

/// Array.prototype.sort: stable, undefined last. An order that contradicts itself gives what the steps make of it, so for
/// orders of a program's own these are V8's: those for fewer than 64 elements, and more end the event.
enum Sorting {
    private static let maxOwnOrder: UInt32 = 63

    static func sort(_ receiver: Value, _ order: Value) -> Value {
        let array = receiver.address
        checkWritable(array)
        if order != .undefined, !order.isCallable { abort(.exception) }
        let length = Arrays.length(array)
        let work = Arrays.make(capacity: length)
        for place in 0..<length {
            let element = Arrays.element(array, place)
            if element != .undefined { Arrays.push(work, element) }
        }
        if order == .undefined {
            sortByText(work)
        } else {
            if length > maxOwnOrder { abort(.value) }
            sortByOrder(work, order)
        }
        // The order's function may have changed the array.
        if Arrays.length(array) != length { abort(.value) }
        for place in 0..<length {
            Arrays.setElement(array, place, place < Arrays.length(work) ? Arrays.element(work, place) : .undefined)
        }
        return receiver
    }

    private static func compare(_ order: Value, _ left: Value, _ right: Value) -> Double {
        toNumber(call(order, left, right))
    }

    private static func sortByOrder(_ work: Address, _ order: Value) {
        let length = Arrays.length(work)
        if length < 2 { return }
        var run: UInt32 = 2
        let isDescending = compare(order, Arrays.element(work, 1), Arrays.element(work, 0)) < 0
        while run < length {
            let next = compare(order, Arrays.element(work, run), Arrays.element(work, run &- 1))
            if isDescending ? !(next < 0) : next < 0 { break }
            run &+= 1
        }
        if isDescending {
            for place in 0..<(run / 2) { exchange(work, place, run &- 1 &- place) }
        }
        while run < length {
            let pivot = Arrays.element(work, run)
            var left: UInt32 = 0
            var right = run
            while left < right {
                let middle = left &+ (right &- left) / 2
                if compare(order, pivot, Arrays.element(work, middle)) < 0 {
                    right = middle
                } else {
                    left = middle &+ 1
                }
            }
            let elements = load32(work &+ 8)
            copyMemory(to: elements &+ (left &+ 1) &* 8, from: elements &+ left &* 8, count: (run &- left) &* 8)
            Arrays.setElement(work, left, pivot)
            run &+= 1
        }
    }

    private static func exchange(_ work: Address, _ first: UInt32, _ second: UInt32) {
        let value = Arrays.element(work, first)
        Arrays.setElement(work, first, Arrays.element(work, second))
        Arrays.setElement(work, second, value)
    }

    /// Merges ever longer runs, by the elements' texts.
    private static func sortByText(_ work: Address) {
        let length = Arrays.length(work)
        var from = Arrays.make(capacity: length)
        let texts = Arrays.make(capacity: length)
        for place in 0..<length {
            Arrays.push(from, Value(count: place))
            Arrays.push(texts, toTextValue(Arrays.element(work, place)))
        }
        var to = Arrays.copy(from, 0, length)
        var width: UInt32 = 1
        while width < length {
            var start: UInt32 = 0
            while start < length {
                merge(from, to, texts, start, min(start &+ width, length), min(start &+ 2 &* width, length))
                start &+= 2 &* width
            }
            swap(&from, &to)
            width &*= 2
        }
        let values = Arrays.copy(work, 0, length)
        for place in 0..<length {
            Arrays.setElement(work, place, Arrays.element(values, UInt32(Arrays.element(from, place).number)))
        }
    }

    private static func merge(
        _ from: Address, _ to: Address, _ texts: Address, _ start: UInt32, _ middle: UInt32, _ end: UInt32
    ) {
        var left = start
        var right = middle
        for place in start..<max(start, end) {
            var takesRight = left == middle
            if left < middle, right < end {
                let one = Arrays.element(texts, UInt32(Arrays.element(from, left).number))
                let other = Arrays.element(texts, UInt32(Arrays.element(from, right).number))
                takesRight = Text.isLess(other.address, one.address)
            }
            Arrays.setElement(to, place, Arrays.element(from, takesRight ? right : left))
            if takesRight { right &+= 1 } else { left &+= 1 }
        }
    }
}
