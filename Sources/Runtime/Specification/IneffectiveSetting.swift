import Logging
import Logs
import Synchronization

/// Settings that are taken and find nothing in a VM that they could change; a process says so once for each.
enum IneffectiveSetting {
    private static let noted = Mutex<Set<String>>([])

    /// - Parameters:
    ///   - name: the setting's, as the specification spells it.
    ///   - reason: why it changes nothing.
    static func note(_ name: String, _ reason: String) {
        let isNew = noted.withLock { $0.insert(name).inserted }
        if isNew { Log.logger.notice("\(name) has no effect: \(reason)") }
    }
}
