import Trace
import TraceRuntime
import WasmModule

extension FunctionEmitter {
    /// Pushes the value of an operation on objects, or of a call.
    mutating func pushObjectOperation(_ expression: Expression) {
        switch expression {
        case .get(let owner, "length", let site): ArrayAccess.pushLength(of: owner, site, &self)
        case .getIndex(let owner, let key, let site) where key.isNumeric:
            ArrayAccess.pushElement(of: owner, key, site, &self)
        case .get(let owner, let name, let site):
            push(owner)
            mark(site)
            pushAddress(TraceText(name))
            callRuntime("get")
        case .getIndex(let owner, let key, let site):
            push(owner)
            push(key)
            mark(site)
            callRuntime("get_index")
        case .set(let owner, let name, let value, let site):
            push(owner)
            pushAddress(TraceText(name))
            let kept = pushKept(value)
            mark(site)
            callRuntime("set")
            code.getLocal(kept)
        case .setIndex(let owner, let key, let value, let site):
            push(owner)
            push(key)
            let kept = pushKept(value)
            mark(site)
            callRuntime("set_index")
            code.getLocal(kept)
        case .remove(let owner, let key, let site): pushCall("remove", [owner, key], site)
        case .runtime(let name, let values, let site): pushCall(name, values, site)
        case .object(let properties, let site): pushObject(properties, site)
        case .array(let elements, let site): pushArray(elements, site)
        case .template(let parts, let site): pushTemplate(parts, site)
        case .chain(let value):
            chains.append(code.block(.i64))
            push(value)
            code.end()
            chains.removeLast()
        case .chainGuard(let value): pushGuard(value)
        default: pushAnyCall(expression)
        }
    }

    private mutating func pushAnyCall(_ expression: Expression) {
        switch expression {
        case .call(let callee, let arguments, let site): pushCall(of: callee, arguments, site)
        case .callOn(let callee, let this, let arguments, let site):
            let function = keep(callee)
            let receiver = keep(this)
            pushCall(arguments, site) { emitter in
                emitter.code.getLocal(function)
                emitter.code.getLocal(receiver)
            } call: {
                $0.callRuntime("call")
            }
        case .callMethod(let owner, "push", let arguments, let site)
        where arguments.count == 1 && !arguments[0].isSpread:
            push(owner)
            pushAddress(TraceText("push"))
            push(arguments[0].value)
            mark(site)
            callRuntime("push_one")
        case .callMethod(let owner, let name, let arguments, let site):
            let receiver = keep(owner)
            pushCall(arguments, site) { emitter in
                emitter.code.getLocal(receiver)
                emitter.pushAddress(TraceText(name))
            } call: {
                $0.callRuntime("call_method")
            }
        case .callBuiltin(let builtin, let arguments, let site): pushBuiltin(builtin, arguments, site)
        default: preconditionFailure("not made here: \(expression)")
        }
    }

    /// Pushes a value, and keeps it.
    private mutating func pushKept(_ value: Expression) -> Int {
        push(value)
        let local = code.addLocal(.i64)
        code.teeLocal(local)
        return local
    }

    private mutating func pushCall(_ name: String, _ values: [Expression], _ site: Site) {
        for value in values { push(value) }
        mark(site)
        callRuntime(name)
    }

    private mutating func pushGuard(_ value: Expression) {
        let local = keep(value)
        pushIsNullish(local)
        code.if()
        code.i64(Value.undefined)
        code.branch(to: chains.last ?? exit)
        code.end()
        code.getLocal(local)
    }

    private mutating func pushObject(_ properties: [Property], _ site: Site) {
        code.i32(Int32(properties.count))
        callRuntime("object")
        let object = code.addLocal(.i64)
        code.setLocal(object)
        for property in properties {
            code.getLocal(object)
            switch property {
            case .value(.text(let text), let value):
                pushAddress(text)
                push(value)
                mark(site)
                callRuntime("set")
            case .value(let key, let value):
                push(key)
                push(value)
                mark(site)
                callRuntime("define")
            case .spread(let value):
                push(value)
                mark(site)
                callRuntime("copy_properties")
            }
        }
        code.getLocal(object)
    }

    private mutating func pushArray(_ elements: [Argument], _ site: Site) {
        code.i32(Int32(elements.count))
        callRuntime("array")
        let array = code.addLocal(.i64)
        code.setLocal(array)
        for element in elements {
            code.getLocal(array)
            push(element.value)
            mark(site)
            callRuntime(element.isSpread ? "spread" : "push")
        }
        code.getLocal(array)
    }

    private mutating func pushTemplate(_ parts: [Expression], _ site: Site) {
        for (place, part) in parts.enumerated() {
            push(part)
            if case .text = part {
            } else {
                mark(site)
                callRuntime("to_text")
            }
            if place > 0 { callRuntime("add") }
        }
        if parts.isEmpty { pushText(TraceText("")) }
    }

    // MARK: calls

    private mutating func pushCall(of callee: Expression, _ arguments: [Argument], _ site: Site) {
        if case .variable(let variable, _) = callee, let body = variable.declaredFunction, !variable.isAssigned,
            body.captures.isEmpty
        {
            return pushCall(arguments, site) { emitter in
                emitter.code.i32(0)
                emitter.code.i64(Value.undefined)
            } call: {
                $0.code.call($0.program.index(of: body))
            }
        }
        let function = keep(callee)
        pushCall(arguments, site) { emitter in
            emitter.code.getLocal(function)
            emitter.code.i64(Value.undefined)
        } call: {
            $0.callRuntime("call")
        }
    }

    private mutating func pushBuiltin(_ builtin: Builtin, _ arguments: [Argument], _ site: Site) {
        let instructions: [Builtin: CodeWriter.Operation] = [
            .mathFloor: .f64Floor, .mathCeil: .f64Ceiling, .mathTrunc: .f64Truncate, .mathSqrt: .f64SquareRoot,
            .mathAbs: .f64Absolute,
        ]
        if let instruction = instructions[builtin], arguments.count == 1, !arguments[0].isSpread,
            arguments[0].value.isNumeric
        {
            pushNumber(arguments[0].value)
            code.add(instruction)
            return code.add(.i64ReinterpretF64)
        }
        pushCall(arguments, site) {
            $0.code.i32(Int32(builtin.rawValue))
        } call: {
            $0.callRuntime("builtin")
        }
    }

    /// Arguments first, then memory for them on the stack; or, with spread ones, an array that has them.
    private mutating func pushCall(
        _ arguments: [Argument], _ site: Site, target: (inout FunctionEmitter) -> Void,
        call: (inout FunctionEmitter) -> Void
    ) {
        if arguments.contains(where: \.isSpread) {
            pushArray(arguments, site)
            let array = code.addLocal(.i64)
            code.setLocal(array)
            target(&self)
            for offset in [0, 8] {
                code.getLocal(array)
                code.add(.i32WrapI64)
                code.loadI32(offset: offset)
            }
            mark(site)
            return call(&self)
        }
        let locals = arguments.map { keep($0.value) }
        if locals.isEmpty {
            target(&self)
            code.i32(0)
            code.i32(0)
            mark(site)
            return call(&self)
        }
        let size = (locals.count * 8 + 15) & ~15
        let stack = code.addLocal(.i32)
        code.getGlobal(program.stackGlobal)
        code.i32(Int32(size))
        code.add(.i32Subtract)
        code.teeLocal(stack)
        code.setGlobal(program.stackGlobal)
        for (place, local) in locals.enumerated() {
            code.getLocal(stack)
            code.getLocal(local)
            code.storeI64(offset: place * 8)
        }
        target(&self)
        code.i32(Int32(locals.count))
        code.getLocal(stack)
        mark(site)
        call(&self)
        code.getLocal(stack)
        code.i32(Int32(size))
        code.add(.i32Add)
        code.setGlobal(program.stackGlobal)
    }
}
