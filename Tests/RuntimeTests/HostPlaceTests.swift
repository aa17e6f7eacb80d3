import Testing

@testable import Runtime

@Suite struct HostPlaceTests {
    @Test(arguments: [
        (nil, "/czone/1"), ("", "/czone/1"), ("/one", "/czone/1"), ("one/two", "/czone/1"), ("/a/../b", "/czone/1"),
        ("/kubepods/burstable/pod7/abc", "/kubepods/burstable/pod7/czone-1"),
        (
            "kubepods-burstable-pod7.slice:cri-containerd:abc",
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod7.slice/czone-1"
        ),
        ("../x.slice:a:b", "/czone/1"), ("a--b.slice:a:b", "/czone/1"), ("a:b:c", "/czone/1"),
    ])
    func aVMsGroupIsBesideItsContainersElseCzones(path: String?, group: String) {
        #expect(HostPlace(groupPath: path).path(of: "1", usual: "/czone") == group)
    }
}
