/// How long the VM waits for the process that serves its volumes. Time is counted in steps in which nothing came, so time
/// in which the VM's own process was stopped or starved is at most one.
public struct FileServerPatience: Sendable {
    /// Of a step, in milliseconds.
    public var step: CInt = 1000
    /// So many steps without an answer, and the server is asked for a sign of life, again and again: its disk may be slow.
    public var quiet = 2
    /// So many steps for a sign of life: then the server is stopped or stuck, and given up.
    public var sign = 10
    /// So many for the answer, while there are signs of life: longer than disks take that work.
    public var answer = 120

    public init() {}

    public static let standard = FileServerPatience()

    /// For the sign of life itself.
    var ofSigns: FileServerPatience {
        var patience = self
        (patience.quiet, patience.answer) = (sign, sign)
        return patience
    }
}
