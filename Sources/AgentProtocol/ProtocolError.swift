/// What was wrong with a peer's bytes, or with a value that was to be sent. After a framing error the connection is of
/// no more use; an error in a message leaves the stream in step.
public enum ProtocolError: Error, Equatable, CustomStringConvertible {
    /// A frame announced more bytes than one may have.
    case frameTooLong(length: Int, limit: Int = Limits.payload)
    /// A frame's reserved field was not zero.
    case reservedNotZero(value: UInt16)
    /// A frame type that this version does not have.
    case unknownType(UInt16)
    /// A frame of another type than the one that may come now.
    case unexpectedType(UInt16, expected: UInt16)
    /// A reply to a request that is not outstanding: never made, or answered before.
    case unknownRequest(UInt32)
    /// The payload ended within a field.
    case truncated(missing: Int)
    /// The payload has bytes after its last field.
    case trailingBytes(count: Int)
    /// A text, list or byte string is longer than its limit.
    case tooLong(field: StaticString, count: Int, limit: Int)
    /// A text is no UTF-8, or has a zero byte in it.
    case invalidText(field: StaticString)
    /// A number stands for nothing.
    case invalidValue(field: StaticString, value: UInt64)
    /// The Hello is no czone agent's.
    case wrongMagic(UInt32)
    /// The peer speaks another version.
    case wrongVersion(UInt16)

    /// Whether they say the same.
    public static func == (a: ProtocolError, b: ProtocolError) -> Bool {
        a.description.utf8.elementsEqual(b.description.utf8)
    }

    /// What was wrong, with the value and what was expected.
    public var description: String {
        switch self {
        case .frameTooLong(let length, let limit): "frame of \(length) bytes, at most \(limit) are allowed"
        case .reservedNotZero(let value): "reserved field of a frame is \(value), expected 0"
        case .unknownType(let type): "unknown frame type \(type)"
        case .unexpectedType(let type, let expected): "frame of type \(type), expected \(expected)"
        case .unknownRequest(let id): "reply to request \(id), which is not outstanding"
        case .truncated(let missing): "message ends \(missing) bytes early"
        case .trailingBytes(let count): "message has \(count) bytes after its end"
        case .tooLong(let field, let count, let limit): "\(field) of length \(count), at most \(limit) is allowed"
        case .invalidText(let field): "\(field) is no text without zero bytes"
        case .invalidValue(let field, let value): "\(field) is \(value), which stands for nothing"
        case .wrongMagic(let magic): "hello begins with \(magic), expected \(Limits.magic)"
        case .wrongVersion(let version): "peer speaks version \(version), expected \(Limits.version)"
        }
    }
}
