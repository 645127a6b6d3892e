import wrtc from '@roamhq/wrtc'
export const { RTCPeerConnection, RTCSessionDescription, RTCIceCandidate, RTCIceTransport, RTCDataChannel, RTCSctpTransport, RTCDtlsTransport, RTCCertificate, MediaStream, MediaStreamTrack } = wrtc
export default wrtc
