import ArgumentParser

/// What a bench compares with: names of one kind, with commas between them.
struct Rivals<Rival: RawRepresentable & CaseIterable & Equatable>: ExpressibleByArgument, CustomStringConvertible
where Rival.RawValue == String {
    let rivals: [Rival]

    init(_ rivals: [Rival]) { self.rivals = rivals }

    init?(argument: String) {
        let rivals = argument.split(separator: ",", omittingEmptySubsequences: false).map {
            Rival(rawValue: String($0))
        }
        guard !rivals.isEmpty, !rivals.contains(nil) else { return nil }
        self.rivals = rivals.compactMap { $0 }
    }

    static var allValueStrings: [String] { Rival.allCases.map(\.rawValue) }
    var defaultValueDescription: String { description }
    var description: String { rivals.map(\.rawValue).joined(separator: ",") }

    func contains(_ rival: Rival) -> Bool { rivals.contains(rival) }

    /// What is measured of a rival, where it was asked for.
    func has<Result>(_ rival: Rival, _ measure: () throws -> Result) rethrows -> Result? {
        contains(rival) ? try measure() : nil
    }
}
