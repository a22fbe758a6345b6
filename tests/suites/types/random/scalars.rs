//! Random addresses, bits, shapes and what else has a form of its own.

use harness::Dice;

use super::Generator;
use super::numbers::float8;
use super::texts::word;

pub(super) const KINDS: &[(&str, Generator)] = &[
    ("uuid", |dice| format!("{:016x}{:016x}", dice.bits(), dice.bits())),
    ("inet", inet),
    ("cidr", cidr),
    ("macaddr", |dice| format!("{:012x}", dice.bits() >> 16)),
    ("macaddr8", |dice| format!("{:016x}", dice.bits())),
    ("bit(11)", |dice| bits(dice, 11)),
    ("varbit", |dice| {
        let length = dice.below(80);
        bits(dice, length)
    }),
    ("point", point),
    ("line", |dice| format!("{{{},{},{}}}", dice.between(1, 99), plain(dice), plain(dice))),
    ("lseg", |dice| format!("[{},{}]", point(dice), point(dice))),
    ("box", |dice| format!("{},{}", point(dice), point(dice))),
    ("path", |dice| {
        let points = points(dice);
        if dice.once_in(2) { format!("[{points}]") } else { format!("({points})") }
    }),
    ("polygon", |dice| format!("({})", points(dice))),
    ("circle", |dice| format!("<{},{}.{}>", point(dice), dice.below(1000), dice.below(1000))),
    ("pg_lsn", |dice| format!("{:X}/{:X}", dice.bits() >> 40, dice.bits() >> 33)),
    ("tid", |dice| format!("({},{})", dice.bits() >> 32, dice.bits() >> 48)),
    ("pg_snapshot", |dice| {
        let first = dice.between(1, 1000);
        format!("{first}:{}:{},{}", first + 50, first + dice.between(1, 20), first + dice.between(21, 49))
    }),
    ("oidvector", |dice| vector(dice, 1 << 32)),
    ("int2vector", |dice| vector(dice, 1 << 15)),
    ("aclitem", |dice| {
        format!("{}={}/postgres", dice.pick(&["postgres", "", "pg_monitor"]), dice.pick(&["r", "r*w", "arwdDxt", "X*"]))
    }),
    ("nick", |dice| word(dice).chars().take(5).collect()),
];

fn inet(dice: &mut Dice) -> String {
    let bits = dice.bits();
    if dice.once_in(2) {
        let [a, b, c, d, ..] = bits.to_be_bytes();
        return format!(
            "{a}.{b}.{c}.{d}{}",
            if dice.once_in(2) { format!("/{}", dice.below(33)) } else { String::new() }
        );
    }
    let mut groups: Vec<String> = Vec::new();
    for group in 0..8 {
        // Zeros are what the short form leaves out.
        groups.push(if dice.once_in(2) { "0".to_owned() } else { format!("{:x}", (bits >> (group * 6)) & 0xffff) });
    }
    format!("{}/{}", groups.join(":"), dice.below(129))
}

fn cidr(dice: &mut Dice) -> String {
    let length = u32::try_from(dice.below(33)).unwrap_or(0);
    let address = u32::try_from(dice.bits() >> 32).unwrap_or(0);
    // No bits right of the mask.
    let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
    let [a, b, c, d] = (address & mask).to_be_bytes();
    if dice.once_in(3) { format!("2001:db8:{a:x}:{b:x}::/64") } else { format!("{a}.{b}.{c}.{d}/{length}") }
}

fn bits(dice: &mut Dice, length: usize) -> String {
    (0..length).map(|_| dice.pick(&["0", "1"])).collect()
}

fn plain(dice: &mut Dice) -> String {
    format!("{}.{}", dice.between(-1000, 1000), dice.below(1000))
}

fn point(dice: &mut Dice) -> String {
    let coordinate = |dice: &mut Dice| if dice.once_in(3) { float8(dice) } else { plain(dice) };
    format!("({},{})", coordinate(dice), coordinate(dice))
}

fn points(dice: &mut Dice) -> String {
    let points: Vec<String> = (0..=dice.below(6)).map(|_| point(dice)).collect();
    points.join(",")
}

fn vector(dice: &mut Dice, end: i64) -> String {
    let items: Vec<String> = (0..dice.below(9)).map(|_| dice.between(0, end - 1).to_string()).collect();
    items.join(" ")
}
