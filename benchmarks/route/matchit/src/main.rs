// The peer for path-only tables: the same paths and templates, uniform hits, nanoseconds a match.
// matchit's templates: /shelves/{a}/r7/{b}.
use std::hint::black_box;

#[repr(C)]
struct Timespec {
    seconds: i64,
    nanoseconds: i64,
}

extern "C" {
    fn clock_gettime(clock: i32, time: *mut Timespec) -> i32;
}

// Nanoseconds that this thread has had the processor, as ours are measured.
fn processor_time() -> u64 {
    const CLOCK_THREAD_CPUTIME_ID: i32 = 3;
    let mut time = Timespec { seconds: 0, nanoseconds: 0 };
    unsafe { clock_gettime(CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.seconds as u64 * 1_000_000_000 + time.nanoseconds as u64
}

fn xorshift(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

fn measure(name: &str, n: usize, insert: impl Fn(usize) -> String, ask: impl Fn(usize) -> String) {
    let mut router = matchit::Router::new();
    for i in 0..n {
        router.insert(insert(i), i).unwrap();
    }
    let mut state = 42u64;
    // Side by side, as ours are.
    let mut texts = String::new();
    let mut ends = vec![0];
    for _ in 0..1 << 17 {
        texts += &ask(xorshift(&mut state) as usize % n);
        ends.push(texts.len());
    }
    let asked: Vec<&str> = ends.windows(2).map(|w| &texts[w[0]..w[1]]).collect();
    let rounds = 10;
    let mut best = u64::MAX;
    for _ in 0..rounds {
        let start = processor_time();
        for path in &asked {
            black_box(router.at(black_box(path)).unwrap().value);
        }
        best = best.min(processor_time() - start);
    }
    println!("{{\"name\":\"matchit/{}/{}\",\"ns\":{:.1}}}", name, n, best as f64 / asked.len() as f64);
}

fn main() {
    for n in [10, 1000, 10000, 100000] {
        measure(
            "exact",
            n,
            |i| format!("/api/v1/tenant-{}/orders/{}", i % 97, i),
            |i| format!("/api/v1/tenant-{}/orders/{}", i % 97, i),
        );
        measure(
            "template",
            n,
            |i| format!("/shelves/{{a}}/r{}/{{b}}", i),
            |i| format!("/shelves/one/r{}/book", i),
        );
    }
}
