import LinuxSystem
package import Runtime
package import TemplateRegistry

/// Why a transfer failed. Each description is one line for a person.
package enum TransferError: Error, CustomStringConvertible {
    /// No connection, or one that broke.
    case connection(server: String, reason: String)
    /// Nothing has come or gone for so many seconds.
    case silent(server: String, seconds: Int64)
    /// The whole transfer has its time.
    case late(seconds: Int)
    /// An answer that is none of the specification's, or longer than it may be.
    case answer(server: String, reason: String)
    /// The registry refuses, with a status of HTTP and its own words.
    case refused(what: String, status: Int, words: String)
    case unauthorized(what: String, hint: String)
    case missing(what: String)
    /// What came is not what was asked for.
    case altered(what: String, found: String, expected: String)
    case artifact(ArtifactError)
    /// The template is of something else than this host's VMs.
    case mismatch(own: String, other: String)
    case runtime(RuntimeError)
    /// Something else; already a sentence.
    case invalid(String)

    package var description: String {
        switch self {
        case .connection(let server, let reason): "\(server) cannot be reached: \(reason)"
        case .silent(let server, let seconds): "\(server) has neither sent nor taken anything for \(seconds) s"
        case .late(let seconds): "the transfer has not ended within \(seconds) s; --timeout gives it longer"
        case .answer(let server, let reason): "\(server) answers what no registry does: \(reason)"
        case .refused(let what, let status, let words):
            "the registry refuses \(what): status \(status)" + (words.isEmpty ? "" : ", \(quoted(words))")
        case .unauthorized(let what, let hint): "the registry lets nobody \(what) without permission: \(hint)"
        case .missing(let what): "the registry has no \(what)"
        case .altered(let what, let found, let expected):
            "\(what) is not what it should be: its digest is \(found), expected \(expected); nothing of it was taken"
        case .artifact(let error): error.description
        case .mismatch(let own, let other):
            "the template is not of this host's VMs: it is of \(quoted(other)), and they are of \(quoted(own))"
        case .runtime(let error): error.description
        case .invalid(let text): text
        }
    }
}

/// Runs what fails with errors of other modules where only transfer errors can be thrown.
func transferring<Result>(_ body: () throws -> Result) throws(TransferError) -> Result {
    do { return try body() } catch let error as TransferError {
        throw error
    } catch let error as RuntimeError {
        throw .runtime(error)
    } catch let error as ArtifactError {
        throw .artifact(error)
    } catch { throw .invalid("\(error)") }
}
