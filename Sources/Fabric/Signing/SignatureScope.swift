import FabricPolicies

/// What a request says of the signature that it bears: for which service and region, and with which key. The signature itself
/// is of no meaning: the connection says whose request it is.
public struct SignatureScope: Equatable, Sendable {
    public let key: String
    public let region: String
    public let service: String

    /// Parameters of a signature in a query (a presigned URL), in lower case. None of them is passed on.
    static let queryNames: Set<String> = [
        "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-expires", "x-amz-signedheaders", "x-amz-signature",
        "x-amz-security-token",
    ]

    /// `KEY/20150830/REGION/SERVICE/aws4_request`.
    public init?(credential: some StringProtocol) {
        let parts = credential.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 5, parts[4] == "aws4_request", parts.allSatisfy({ (1...128).contains($0.utf8.count) })
        else {
            return nil
        }
        (key, region, service) = (String(parts[0]), String(parts[2]), String(parts[3]))
    }

    /// From an `Authorization` header of version 4.
    public init?(authorization: String) {
        guard authorization.hasPrefix(SignatureV4.algorithm + " ") else { return nil }
        let fields = authorization.dropFirst(SignatureV4.algorithm.count).split(separator: ",")
        for field in fields {
            let field = field.drop { $0 == " " }
            if field.hasPrefix("Credential=") {
                self.init(credential: field.dropFirst("Credential=".count))
                return
            }
        }
        return nil
    }

    /// Of a request without a signature: what its policy begins with.
    init(defaultOf policy: FabricPolicy) {
        (key, region, service) = (
            FabricPolicy.placeholderKey, policy.defaultRegion, policy.services.first?.name ?? "s3"
        )
    }
}
