/// The annotations of a `config.json` that decide where a container lives.
enum Annotation {
    // What users write on pods.
    static let function = "czone.dev/function"
    static let tenant = "czone.dev/tenant"
    static let onePerVM = "czone.dev/one-per-vm"
    static let zoneSize = "czone.dev/zone-size"
    static let warmStart = "czone.dev/warm-start"
    static let warmStartEnvironment = "czone.dev/warm-start-env"

    // What containerd's CRI plugin writes (containerd, pkg/cri/annotations).
    static let containerType = "io.kubernetes.cri.container-type"
    static let sandboxID = "io.kubernetes.cri.sandbox-id"
    static let sandboxNamespace = "io.kubernetes.cri.sandbox-namespace"
    static let imageName = "io.kubernetes.cri.image-name"
}
