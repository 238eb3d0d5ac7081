//! The tips of the chains, for people to look at.

use super::script::Script;

#[test]
fn a_chain_has_the_highest_tip_of_all_nodes_and_is_watched_if_one_watches_it() {
    for [first, second] in [[0, 1], [1, 0]] {
        let mut s = Script::of_two_nodes();
        s.tick();
        s.on(0).identified("net", 2);
        s.on(1).identified("net", 2);
        assert_eq!(s.tips(), [(0, None, false), (1, None, false)]);
        s.on(first).cut(&[(0, 7, 0)]);
        s.on(second).cut(&[(0, 5, 0)]);
        assert_eq!(s.tips(), [(0, Some(7), false), (1, None, false)]);
        s.on(second).opened(0);
        assert_eq!(s.tips(), [(0, Some(7), true), (1, None, false)]);
    }
}
