/// A point in time as RFC 3339 has it, in UTC with nanoseconds: `2026-11-29T08:41:31.000000042Z`.
public struct Timestamp: CustomStringConvertible, Sendable {
    /// Nanoseconds since 1970 UTC.
    public let nanoseconds: UInt64

    public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    /// Of this moment, by the host's wall clock.
    public static var now: Timestamp { Timestamp(nanoseconds: WallClock.nanoseconds) }

    public var description: String {
        let seconds = nanoseconds / 1_000_000_000
        let (year, month, day) = Self.date(daysSince1970: Int(seconds / 86400))
        let time = seconds % 86400
        return
            "\(year)-\(two(month))-\(two(day))T\(two(Int(time / 3600))):\(two(Int(time / 60 % 60))):\(two(Int(time % 60)))"
            + "." + padded(String(nanoseconds % 1_000_000_000), to: 9) + "Z"
    }

    private func two(_ number: Int) -> String { padded(String(number), to: 2) }

    private func padded(_ text: String, to width: Int) -> String {
        String(repeating: "0", count: max(0, width - text.utf8.count)) + text
    }

    /// The proleptic Gregorian date; years are counted from March, so that the leap day comes last.
    public static func date(daysSince1970 days: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }
}
