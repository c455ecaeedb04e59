// SPDX-License-Identifier: Apache-2.0

//! The driver's side of a split virtqueue with one request at a time, in guest memory.

use std::os::fd::AsRawFd;
use std::sync::atomic::{fence, Ordering};

use vhost::vhost_user::{Frontend, VhostUserFrontend};
use vhost::{VhostBackend, VringConfigData};
use virtio_queue::{Descriptor, VirtqUsedElem};
use vm_memory::{Address, Bytes, GuestAddress, GuestMemory, GuestMemoryMmap};
use vmm_sys_util::eventfd::{EventFd, EFD_NONBLOCK};

pub const RING_SIZE: u16 = 16;
/// Guest memory of a ring and its buffers
pub const RING_BYTES: u64 = 0x20000;

const AVAIL: u64 = 0x1000;
const USED: u64 = 0x2000;
const REQUEST: u64 = 0x4000;
const RESPONSE: u64 = 0x10000;
const ROOM: u32 = 0x1000;
const TIMEOUT_MS: i32 = 60000;
const NEXT: u16 = 1;
const WRITE: u16 = 2;

pub struct Ring<'a> {
    memory: &'a GuestMemoryMmap,
    base: GuestAddress,
    index: usize,
    next: u16,
    kick: EventFd,
    call: EventFd,
}

impl<'a> Ring<'a> {
    /// An empty ring in zeroed memory
    pub fn new(index: usize, memory: &'a GuestMemoryMmap, base: GuestAddress) -> Self {
        let fd = || EventFd::new(EFD_NONBLOCK).unwrap();

        Ring { memory, base, index, next: 0, kick: fd(), call: fd() }
    }

    /// Hands the ring to a back end, and enables it. What was in flight before is the record's.
    pub fn start(&self, front: &mut Frontend) {
        let index = self.index;
        let host = |offset| self.memory.get_host_address(self.at(offset)).unwrap() as u64;

        front.set_vring_num(index, RING_SIZE).unwrap();
        front.set_vring_base(index, self.used_idx()).unwrap();
        front
            .set_vring_addr(
                index,
                &VringConfigData {
                    queue_max_size: RING_SIZE,
                    queue_size: RING_SIZE,
                    flags: 0,
                    desc_table_addr: host(0),
                    used_ring_addr: host(USED),
                    avail_ring_addr: host(AVAIL),
                    log_addr: None,
                },
            )
            .unwrap();
        front.set_vring_call(index, &self.call).unwrap();
        front.set_vring_kick(index, &self.kick).unwrap();
        front.set_vring_enable(index, true).unwrap();
    }

    /// Stops the ring, which has read all that was put into it.
    pub fn stop(&self, front: &Frontend) {
        assert_eq!(front.get_vring_base(self.index).unwrap(), u32::from(self.next));
    }

    fn at(&self, offset: u64) -> GuestAddress {
        self.base.unchecked_add(offset)
    }

    fn used_idx(&self) -> u16 {
        self.memory.read_obj(self.at(USED + 2)).unwrap()
    }

    /// Sends a request. Return: its status and the reply.
    pub fn call(&mut self, request: &[u8]) -> (u32, Vec<u8>) {
        self.send(request);
        self.answer()
    }

    /// Sends a request in pieces that end in the middle of what they consist of.
    pub fn send(&mut self, request: &[u8]) {
        let cut = [0, 5, request.len() / 2, request.len()];
        let first = self.next % RING_SIZE;
        let place = |i: u16| (first + i) % RING_SIZE;

        self.memory.write_slice(request, self.at(REQUEST)).unwrap();
        self.memory.write_slice(&[0xee; ROOM as usize], self.at(RESPONSE)).unwrap();
        for (i, ends) in cut.windows(2).enumerate() {
            let addr = self.at(REQUEST + ends[0] as u64).0;
            let d = Descriptor::new(addr, (ends[1] - ends[0]) as u32, NEXT, place(i as u16 + 1));

            self.put(place(i as u16), d);
        }
        // The response, and behind it the reply
        let response = self.at(RESPONSE).0;
        self.put(place(3), Descriptor::new(response, 16, NEXT | WRITE, place(4)));
        self.put(place(4), Descriptor::new(response + 16, ROOM - 16, WRITE, 0));
        self.memory.write_obj(first, self.at(AVAIL + 4 + 2 * u64::from(first))).unwrap();
        self.next = self.next.wrapping_add(1);
        fence(Ordering::SeqCst);
        self.memory.write_obj(self.next, self.at(AVAIL + 2)).unwrap();
        fence(Ordering::SeqCst);
        self.kick.write(1).unwrap();
    }

    fn put(&self, index: u16, descriptor: Descriptor) {
        self.memory.write_obj(descriptor, self.at(16 * u64::from(index))).unwrap();
    }

    /// Waits for the answer to what was sent.
    pub fn answer(&self) -> (u32, Vec<u8>) {
        let head = u32::from(self.next.wrapping_sub(1) % RING_SIZE);
        let mut fds = libc::pollfd { fd: self.call.as_raw_fd(), events: libc::POLLIN, revents: 0 };

        while self.used_idx() != self.next {
            // SAFETY: one entry, which lives on.
            assert_eq!(unsafe { libc::poll(&mut fds, 1, TIMEOUT_MS) }, 1, "no answer comes");
            self.call.read().unwrap();
        }
        fence(Ordering::SeqCst);
        let used: VirtqUsedElem =
            self.memory.read_obj(self.at(USED + 4 + 8 * u64::from(head))).unwrap();
        let status: u32 = self.memory.read_obj(self.at(RESPONSE)).unwrap();
        let len: u32 = self.memory.read_obj(self.at(RESPONSE + 4)).unwrap();
        let mut reply = vec![0; len as usize];

        assert_eq!((used.id(), used.len()), (head, 16 + len));
        self.memory.read_slice(&mut reply, self.at(RESPONSE + 16)).unwrap();
        (status, reply)
    }
}
