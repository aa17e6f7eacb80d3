/// Names that the runtime knows. An interned string has its name's number, so that a method is found by a switch.
public enum Name: UInt16, CaseIterable, Sendable {
    case none
    case length
    case push
    case pop
    case shift
    case unshift
    case slice
    case splice
    case concat
    case join
    case reverse
    case indexOf
    case lastIndexOf
    case includes
    case find
    case findIndex
    case filter
    case map
    case forEach
    case some
    case every
    case reduce
    case sort
    case fill
    case flat
    case flatMap
    case at
    case keys
    case values
    case entries
    case charAt
    case charCodeAt
    case codePointAt
    case split
    case substring
    case substr
    case toUpperCase
    case toLowerCase
    case trim
    case trimStart
    case trimEnd
    case padStart
    case padEnd
    case `repeat`
    case replace
    case replaceAll
    case startsWith
    case endsWith
    case localeCompare
    case toFixed
    case toString
    case valueOf
    case hasOwnProperty
    case constructor
    case isPrototypeOf
    case propertyIsEnumerable
    case toLocaleString
    case proto
    case defineGetter
    case defineSetter
    case lookupGetter
    case lookupSetter
    case text
    case json
    case ok
    case status
    case headers
    case get
    case set
    case has
    case delete
    case add
    case clear
    case size
    case then
    case `catch`
    case finally
    case message
    case name
    case stack
    case cause
    case method
    case body
    case url
    case handle
    case handler
    case exports
    case toJSON
    case undefined
    case null
    case `true`
    case `false`
    case number
    case string
    case object
    case boolean
    case function

    /// Names that every object has from Object.prototype.
    var isOfPrototype: Bool {
        switch self {
        case .constructor, .isPrototypeOf, .propertyIsEnumerable, .toLocaleString, .proto, .defineGetter, .defineSetter,
            .lookupGetter, .lookupSetter, .hasOwnProperty, .toString, .valueOf:
            true
        default: false
        }
    }

    /// The name as programs write it.
    var text: StaticString {
        switch self {
        case .none: ""
        case .length: "length"
        case .push: "push"
        case .pop: "pop"
        case .shift: "shift"
        case .unshift: "unshift"
        case .slice: "slice"
        case .splice: "splice"
        case .concat: "concat"
        case .join: "join"
        case .reverse: "reverse"
        case .indexOf: "indexOf"
        case .lastIndexOf: "lastIndexOf"
        case .includes: "includes"
        case .find: "find"
        case .findIndex: "findIndex"
        case .filter: "filter"
        case .map: "map"
        case .forEach: "forEach"
        case .some: "some"
        case .every: "every"
        case .reduce: "reduce"
        case .sort: "sort"
        case .fill: "fill"
        case .flat: "flat"
        case .flatMap: "flatMap"
        case .at: "at"
        case .keys: "keys"
        case .values: "values"
        case .entries: "entries"
        case .charAt: "charAt"
        case .charCodeAt: "charCodeAt"
        case .codePointAt: "codePointAt"
        case .split: "split"
        case .substring: "substring"
        case .substr: "substr"
        case .toUpperCase: "toUpperCase"
        case .toLowerCase: "toLowerCase"
        case .trim: "trim"
        case .trimStart: "trimStart"
        case .trimEnd: "trimEnd"
        case .padStart: "padStart"
        case .padEnd: "padEnd"
        case .`repeat`: "repeat"
        case .replace: "replace"
        case .replaceAll: "replaceAll"
        case .startsWith: "startsWith"
        case .endsWith: "endsWith"
        case .localeCompare: "localeCompare"
        case .toFixed: "toFixed"
        case .toString: "toString"
        case .valueOf: "valueOf"
        case .hasOwnProperty: "hasOwnProperty"
        case .constructor: "constructor"
        case .isPrototypeOf: "isPrototypeOf"
        case .propertyIsEnumerable: "propertyIsEnumerable"
        case .toLocaleString: "toLocaleString"
        case .proto: "__proto__"
        case .defineGetter: "__defineGetter__"
        case .defineSetter: "__defineSetter__"
        case .lookupGetter: "__lookupGetter__"
        case .lookupSetter: "__lookupSetter__"
        case .text: "text"
        case .json: "json"
        case .ok: "ok"
        case .status: "status"
        case .headers: "headers"
        case .get: "get"
        case .set: "set"
        case .has: "has"
        case .delete: "delete"
        case .add: "add"
        case .clear: "clear"
        case .size: "size"
        case .then: "then"
        case .`catch`: "catch"
        case .finally: "finally"
        case .message: "message"
        case .name: "name"
        case .stack: "stack"
        case .cause: "cause"
        case .method: "method"
        case .body: "body"
        case .url: "url"
        case .handle: "handle"
        case .handler: "handler"
        case .exports: "exports"
        case .toJSON: "toJSON"
        case .undefined: "undefined"
        case .null: "null"
        case .`true`: "true"
        case .`false`: "false"
        case .number: "number"
        case .string: "string"
        case .object: "object"
        case .boolean: "boolean"
        case .function: "function"
        }
    }

    /// Its string.
    var value: Value { Value(Tag.string, at: Interning.intern(Text.literal(text).address)) }
}
