/// Learns what a guest does against the rules, as often as it does it: each call is bounded work. With the device lock held.
public protocol GuestFaultObserver: AnyObject {
    /// A driver broke the protocol: the device needs a reset (DEVICE_NEEDS_RESET) and does nothing until then.
    func device(_ type: DeviceType, brokeProtocol reason: String)
    /// The guest sent a frame that goes nowhere.
    func networkRefusedFrame(_ reason: String)
}
