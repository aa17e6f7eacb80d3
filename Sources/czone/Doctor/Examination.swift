/// Something that was looked at on this host.
struct Examination: Encodable, Equatable {
    enum Verdict: String, Encodable {
        case good
        /// Something works less well, or not everything does.
        case warning
        /// Containers cannot run.
        case bad
    }

    var name: String
    var verdict: Verdict
    /// What was found.
    var finding: String
    /// What the lack means and how to mend it; empty where all is well.
    var mend: String

    static func good(_ name: String, _ finding: String) -> Examination {
        Examination(name: name, verdict: .good, finding: finding, mend: "")
    }

    static func warning(_ name: String, _ finding: String, mend: String) -> Examination {
        Examination(name: name, verdict: .warning, finding: finding, mend: mend)
    }

    static func bad(_ name: String, _ finding: String, mend: String) -> Examination {
        Examination(name: name, verdict: .bad, finding: finding, mend: mend)
    }
}
