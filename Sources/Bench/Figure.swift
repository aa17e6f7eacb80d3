/// A number of milliseconds with three decimals.
public func milliseconds(_ value: Double) -> Double { (value * 1000).rounded() / 1000 }

/// A JSON value of numbers, arrays and objects, keys in the order given.
public indirect enum Figure: CustomStringConvertible {
    case number(Double)
    case list([Double])
    case array([Figure])
    case object([(String, Figure)])

    public var description: String {
        switch self {
        case .number(let value): "\(milliseconds(value))"
        case .list(let values): "[" + values.map { "\(milliseconds($0))" }.joined(separator: ",") + "]"
        case .array(let figures): "[" + figures.map(\.description).joined(separator: ",") + "]"
        case .object(let members): "{" + members.map { "\"\($0)\":\($1)" }.joined(separator: ",") + "}"
        }
    }
}

extension Measurements {
    /// The median and what it is of.
    public var figure: Figure { .object([("median", .number(median)), ("runs", .list(runs))]) }
}
