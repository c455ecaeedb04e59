// SPDX-License-Identifier: Apache-2.0

//! A front end that shares no code with this project: rust-vmm's crates speak vhost-user and know the
//! layout of descriptors. It does what a VMM and a guest do: memory, rings, the record of requests in
//! flight; then requests made of test/vectors, whose answers it checks.
//!
//!     front-end SOCKET VECTORS

mod ring;

use ring::{Ring, RING_BYTES, RING_SIZE};
use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd};
use std::path::Path;

use vhost::vhost_user::message::{
    VhostUserConfigFlags, VhostUserHeaderFlag, VhostUserInflight, VhostUserProtocolFeatures,
    VhostUserVirtioFeatures,
};
use vhost::vhost_user::{Frontend, VhostUserFrontend};
use vhost::{VhostBackend, VhostUserMemoryRegionInfo};
use vm_memory::{
    Bytes, FileOffset, GuestAddress, GuestMemory, GuestMemoryMmap,
};

const QUEUES: usize = 2;
const MIB: u64 = 1 << 20;
/// Two regions with a hole between them, as a PC has
const LOW: GuestAddress = GuestAddress(0);
const HIGH: GuestAddress = GuestAddress(4 << 30);
const REGION: u64 = 16 * MIB;
const VERSION_1: u64 = 1 << 32;

const CALL: u32 = 1;
const CONTEXT_CLOSE: u32 = 2;
const CONTEXT: u64 = 1;
const EOPNOTSUPP: u32 = 95;
const ESESS: u32 = 104;

/// The bytes of a section of a vector
fn vector(dir: &Path, name: &str, section: &str) -> Vec<u8> {
    let text = std::fs::read_to_string(dir.join(name)).expect(name);
    let mut bytes = Vec::new();
    let mut wanted = false;

    for line in text.lines() {
        if line.starts_with('[') {
            wanted = line == format!("[{section}]");
        } else if wanted {
            let data = line.split('#').next().unwrap();
            bytes.extend(data.split_whitespace().map(|b| u8::from_str_radix(b, 16).unwrap()));
        }
    }
    assert!(!bytes.is_empty(), "{name} has no [{section}]");
    bytes
}

fn memory_file(size: u64) -> File {
    // SAFETY: the name is terminated; the descriptor is checked, and nobody else's.
    let file = unsafe {
        let fd = libc::memfd_create(c"memory".as_ptr(), libc::MFD_CLOEXEC);
        assert!(fd >= 0);
        File::from_raw_fd(fd)
    };
    file.set_len(size).unwrap();
    file
}

/// Both regions are parts of one file.
fn make_memory() -> GuestMemoryMmap {
    let file = std::sync::Arc::new(memory_file(2 * REGION));
    let part = |start| Some(FileOffset::from_arc(file.clone(), start));

    GuestMemoryMmap::from_ranges_with_files([
        (LOW, REGION as usize, part(0)),
        (HIGH, REGION as usize, part(REGION)),
    ])
    .unwrap()
}

/// Features, and what configuration space says
fn negotiate(front: &mut Frontend, vectors: &Path) {
    let wanted = VERSION_1 | VhostUserVirtioFeatures::PROTOCOL_FEATURES.bits();
    let protocol = VhostUserProtocolFeatures::MQ
        | VhostUserProtocolFeatures::CONFIG
        | VhostUserProtocolFeatures::REPLY_ACK
        | VhostUserProtocolFeatures::INFLIGHT_SHMFD;
    let expected = vector(vectors, "config.hex", "config");

    front.set_owner().unwrap();
    assert_eq!(front.get_features().unwrap() & wanted, wanted);
    front.set_features(wanted).unwrap();
    assert!(front.get_protocol_features().unwrap().contains(protocol));
    front.set_protocol_features(protocol).unwrap();
    front.set_hdr_flags(VhostUserHeaderFlag::NEED_REPLY);
    assert!(front.get_queue_num().unwrap() >= QUEUES as u64);
    let (_, config) =
        front.get_config(0, 64, VhostUserConfigFlags::empty(), &[0; 64]).unwrap();
    // All but the number of queues is as in the specification's example.
    assert_eq!(config[..8], expected[..8]);
    assert_eq!(config[12..], expected[12..]);
}

/// The record of requests in flight, which outlives connections
type Record = (VhostUserInflight, File);

fn get_record(front: &mut Frontend) -> Record {
    let want = VhostUserInflight::new(0, 0, QUEUES as u16, RING_SIZE);
    let record = front.get_inflight_fd(&want).unwrap();

    assert!(record.0.mmap_size > 0);
    record
}

fn share_memory(front: &Frontend, memory: &GuestMemoryMmap) {
    let regions: Vec<_> = memory
        .iter()
        .map(|r| VhostUserMemoryRegionInfo::from_guest_region(r).unwrap())
        .collect();

    assert_eq!(regions.len(), 2);
    front.set_mem_table(&regions).unwrap();
}

fn start_rings(front: &mut Frontend, memory: &GuestMemoryMmap, rings: &[Ring]) {
    share_memory(front, memory);
    for ring in rings {
        ring.start(front);
    }
}

/// Connects once more, with the record of before. While the old worker ends the back end turns it away.
fn reconnect(socket: &str, vectors: &Path, record: &Record) -> Frontend {
    for _ in 0..600 {
        let mut front = Frontend::connect(socket, QUEUES as u64).unwrap();

        negotiate(&mut front, vectors);
        if front.set_inflight_fd(&record.0, record.1.as_raw_fd()).is_ok() {
            return front;
        }
        drop(front);
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("the back end does not take its own record");
}

/// A piece of the program's memory, and where it is
struct Segment {
    flags: u32,
    runs: Vec<(GuestAddress, u64)>,
}

/// struct virtio_accel_req, and all that follows it
fn request(kind: u32, message: &[u8], segments: &[Segment]) -> Vec<u8> {
    let runs: usize = segments.iter().map(|s| s.runs.len()).sum();
    let mut bytes = Vec::new();

    bytes.extend(kind.to_le_bytes());
    bytes.extend(0u32.to_le_bytes());
    bytes.extend(CONTEXT.to_le_bytes());
    bytes.extend((segments.len() as u32).to_le_bytes());
    bytes.extend((runs as u32).to_le_bytes());
    bytes.extend((message.len() as u32).to_le_bytes());
    bytes.extend(0u32.to_le_bytes());
    for s in segments {
        let len: u64 = s.runs.iter().map(|r| r.1).sum();

        bytes.extend(len.to_le_bytes());
        bytes.extend(s.flags.to_le_bytes());
        bytes.extend((s.runs.len() as u32).to_le_bytes());
        bytes.extend([0; 16]);
    }
    for (addr, len) in segments.iter().flat_map(|s| &s.runs) {
        bytes.extend(addr.0.to_le_bytes());
        bytes.extend(len.to_le_bytes());
    }
    bytes.extend(message);
    bytes
}

/// A message of the vectors, in a session of ours
fn in_session(mut message: Vec<u8>, session: u64) -> Vec<u8> {
    message[8..16].copy_from_slice(&session.to_le_bytes());
    message
}

/// SESSION_INIT. Return: the session's id.
fn open_session(ring: &mut Ring, vectors: &Path) -> u64 {
    let message = vector(vectors, "session-init.hex", "message");
    let expected = vector(vectors, "session-init.hex", "reply");
    let (status, reply) = ring.call(&request(CALL, &message, &[]));

    assert_eq!(status, 0);
    assert_eq!(reply.len(), expected.len());
    assert_eq!(reply[..24], expected[..24]);
    let id = u64::from_le_bytes(reply[24..].try_into().unwrap());
    assert_ne!(id, 0);
    id
}

/// Data that travels in the message: noop's answers are the input, -1 and 10000.
fn check_minmax(ring: &mut Ring, vectors: &Path, session: u64) {
    let message = in_session(vector(vectors, "minmax.hex", "message"), session);
    let mut expected = vector(vectors, "minmax.hex", "reply");
    let (status, reply) = ring.call(&request(CALL, &message, &[]));

    expected[64..72].copy_from_slice(&(-1f64).to_le_bytes());
    expected[96..104].copy_from_slice(&10000f64.to_le_bytes());
    assert_eq!((status, reply), (0, expected));
}

/// FPGA_ARRAYCOPY of 2 MiB that lie in both regions, into memory in one piece
fn check_segments(ring: &mut Ring, memory: &GuestMemoryMmap, session: u64) {
    const LEN: u64 = 2 * MIB;
    let source = [(GuestAddress(8 * MIB), MIB), (HIGH, MIB)];
    let target = GuestAddress(HIGH.0 + 4 * MIB);
    let data: Vec<u8> = (0..LEN).map(|i| (i % 251) as u8).collect();
    let mut copy = vec![0; LEN as usize];
    let mut message = Vec::new();

    memory.write_slice(&data[..MIB as usize], source[0].0).unwrap();
    memory.write_slice(&data[MIB as usize..], source[1].0).unwrap();
    message.extend(18u64.to_le_bytes());
    message.extend(session.to_le_bytes());
    message.extend((LEN / 4).to_le_bytes());
    for segment in 0u64..2 {
        message.extend(LEN.to_le_bytes());
        message.extend(segment.to_le_bytes());
        message.extend(2u64.to_le_bytes());
    }
    let segments = [
        Segment { flags: 1, runs: source.to_vec() },
        Segment { flags: 2, runs: vec![(target, LEN)] },
    ];
    let (status, reply) = ring.call(&request(CALL, &message, &segments));

    assert_eq!(status, 0);
    assert_eq!(reply.len(), 24);
    memory.read_slice(&mut copy, target).unwrap();
    assert!(copy == data);
}

/// What is wrong has its status, and costs nothing else.
fn check_refusals(ring: &mut Ring, vectors: &Path, session: u64) {
    let noop = vector(vectors, "noop.hex", "message");

    assert_eq!(ring.call(&request(77, &[], &[])).0, EOPNOTSUPP);
    assert_eq!(ring.call(&request(CALL, &in_session(noop.clone(), session ^ 1 << 40), &[])).0, ESESS);
    assert_eq!(ring.call(&request(CALL, &in_session(noop, session), &[])), (0, vec![]));
}

/// All kinds of requests, on both queues, for as long as the rings wrap several times
fn check_requests(rings: &mut [Ring], memory: &GuestMemoryMmap, vectors: &Path, session: u64) {
    for round in 0..100 {
        let ring = &mut rings[round % QUEUES];

        check_minmax(ring, vectors, session);
        if round % 10 < QUEUES {
            check_segments(ring, memory, session);
            check_refusals(ring, vectors, session);
        }
    }
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let (socket, vectors) = (args[1].as_str(), Path::new(&args[2]));
    let memory = make_memory();
    let mut rings: Vec<Ring> = (0..QUEUES)
        .map(|i| Ring::new(i, &memory, GuestAddress(i as u64 * RING_BYTES)))
        .collect();
    let mut front = Frontend::connect(socket, QUEUES as u64).unwrap();

    negotiate(&mut front, vectors);
    let record = get_record(&mut front);
    front.set_inflight_fd(&record.0, record.1.as_raw_fd()).unwrap();
    start_rings(&mut front, &memory, &rings);
    let session = open_session(&mut rings[0], vectors);
    let noop = request(CALL, &in_session(vector(vectors, "noop.hex", "message"), session), &[]);
    check_requests(&mut rings, &memory, vectors, session);

    // The connection ends with a request in flight: it has one answer, and the session is lost.
    rings[1].send(&noop);
    drop(front);
    let mut front = reconnect(socket, vectors, &record);
    start_rings(&mut front, &memory, &rings);
    assert!([0, ESESS].contains(&rings[1].answer().0));
    assert_eq!(rings[0].call(&noop).0, ESESS);
    let session = open_session(&mut rings[0], vectors);
    check_requests(&mut rings, &memory, vectors, session);

    // The end of its context is that of a session.
    let noop = request(CALL, &in_session(vector(vectors, "noop.hex", "message"), session), &[]);
    assert_eq!(rings[1].call(&request(CONTEXT_CLOSE, &[], &[])), (0, vec![]));
    assert_eq!(rings[0].call(&noop).0, ESESS);
    for ring in &rings {
        ring.stop(&front);
    }
    println!("rust-vmm's front end gets the right answers");
}
