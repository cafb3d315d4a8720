//! Children by key: started on demand, gone when idle, unavailable when they fail too often.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::{join, join_all};
use ordershop_supervisors::{
    AskError, Backoff, Birth, ChildSpec, Context, DynamicBuilder, DynamicHandle, Failure,
    Intensity, Message, Process, Receive, ReplyTo, Strategy, Tree, dynamic,
};
use support::{Do, Record, ms, paused, supervisor, tree_of, until};

/// What all entities of a test share.
#[derive(Clone, Default)]
struct World {
    record: Record,
    handled: Arc<Mutex<HashMap<u64, u32>>>,
    alive: Arc<Mutex<HashMap<String, u32>>>,
}

struct Entity {
    key: String,
    incarnation: u64,
    world: World,
    idle: Option<Duration>,
}

impl Process for Entity {
    fn started(&mut self, ctx: &mut Context<'_, Self>) -> Result<(), Failure> {
        self.world.record.add(format!("{} up", self.key));
        self.watch_idle(ctx);
        Ok(())
    }
}

impl Entity {
    fn watch_idle(&mut self, ctx: &mut Context<'_, Self>) {
        if let Some(idle) = self.idle {
            ctx.after(idle, |entity, ctx| {
                if ctx.depth() == 0 {
                    ctx.stop();
                } else {
                    entity.watch_idle(ctx);
                }
                Ok(())
            });
        }
    }
}

impl Drop for Entity {
    fn drop(&mut self) {
        *self.world.alive.lock().unwrap().get_mut(&self.key).unwrap() -= 1;
        self.world.record.add(format!("{} dropped", self.key));
    }
}

enum Say {
    Hello,
    /// To be handled once; the entity stops when nothing is queued behind it.
    Once(u64),
    Panic,
    Stop,
    Keep,
}

impl Message for Say {
    type Reply = u64;
}

impl Receive<Say> for Entity {
    fn receive(
        &mut self,
        message: Say,
        reply: ReplyTo<u64>,
        ctx: &mut Context<'_, Self>,
    ) -> Result<(), Failure> {
        match message {
            Say::Hello => {}
            Say::Once(id) => {
                *self.world.handled.lock().unwrap().entry(id).or_default() += 1;
                if ctx.depth() == 0 {
                    ctx.stop();
                }
            }
            Say::Panic => panic!("{} told to", self.key),
            Say::Stop => ctx.stop(),
            Say::Keep => {
                ctx.spawn(std::future::pending::<()>(), move |_, (), _| {
                    drop(reply);
                    Ok(())
                });
                return Ok(());
            }
        }
        reply.send(self.incarnation);
        Ok(())
    }
}

type Entities = DynamicHandle<String, Entity>;

fn entities(
    world: &World,
    idle: Option<Duration>,
    build: impl FnOnce(DynamicBuilder<String, Entity>) -> DynamicBuilder<String, Entity>,
) -> (Entities, ChildSpec) {
    let world = world.clone();
    build(dynamic("entities").backoff(Backoff::NONE).label(|key: &String| format!("entity {key}")))
        .factory(move |key: String, birth: Birth<Entity>| {
            let world = world.clone();
            async move {
                *world.alive.lock().unwrap().entry(key.clone()).or_default() += 1;
                let before = world.alive.lock().unwrap()[&key];
                if before != 1 {
                    world.record.add("two of one kind");
                }
                Ok(Entity { key, incarnation: birth.incarnation, world, idle })
            }
        })
}

fn key(text: &str) -> String {
    text.to_owned()
}

#[test]
fn a_child_starts_on_demand_and_once() {
    paused(async {
        let world = World::default();
        let (entities, spec) = entities(&world, None, |builder| builder);
        let tree = tree_of(spec).await;
        assert!(entities.is_empty() && entities.get(&key("a")).is_none());
        let a = key("a");
        let answers = join_all((0..50).map(|_| entities.ask(&a, Say::Hello))).await;
        assert!(answers.into_iter().all(|answer| answer.unwrap() == 1));
        entities.ask(&key("b"), Say::Hello).await.unwrap();
        assert_eq!(world.record.take(), ["a up", "b up"]);
        assert_eq!(entities.len(), 2);
        assert_eq!(entities.get(&key("a")).unwrap().name(), "entity a");
        tree.stop().await;
        assert_eq!(entities.len(), 0);
        let late = entities.ask(&key("a"), Say::Hello).await;
        assert!(matches!(late, Err(AskError::NotDelivered(Say::Hello))));
    });
}

#[test]
fn a_panic_leaves_the_others_alone_and_the_queued_to_the_next_incarnation() {
    paused(async {
        let world = World::default();
        let (entities, spec) = entities(&world, None, |builder| builder);
        let tree = tree_of(spec).await;
        entities.ask(&key("b"), Say::Hello).await.unwrap();
        let (a, b) = (key("a"), key("b"));
        let (crash, queued) =
            join(entities.ask(&a, Say::Panic), entities.ask(&a, Say::Hello)).await;
        assert!(matches!(crash, Err(AskError::Lost(_))));
        assert_eq!(queued.unwrap(), 2);
        assert_eq!(entities.ask(&b, Say::Hello).await.unwrap(), 1);
        tree.stop().await;
    });
}

#[test]
fn a_child_past_its_limit_is_unavailable_until_it_has_cooled_down() {
    paused(async {
        let world = World::default();
        let (entities, spec) = entities(&world, None, |builder| {
            builder
                .intensity(Intensity { restarts: 2, period: Duration::from_mins(1) })
                .cool_down(Duration::from_secs(30))
                .max_children(2)
        });
        let tree = tree_of(spec).await;
        let (a, b) = (key("a"), key("b"));
        for _ in 0..3 {
            let crash = entities.ask(&a, Say::Panic).await;
            assert!(matches!(crash, Err(AskError::Lost(_))), "{crash:?}");
        }
        let refused = entities.ask(&a, Say::Hello).await;
        assert!(matches!(refused, Err(AskError::Unavailable(Say::Hello))), "{refused:?}");
        assert!(entities.get(&a).is_none());
        assert_eq!(entities.ask(&b, Say::Hello).await.unwrap(), 1);
        assert_eq!(entities.len(), 1);
        tokio::time::sleep(Duration::from_secs(29)).await;
        assert!(matches!(entities.ask(&a, Say::Hello).await, Err(AskError::Unavailable(_))));
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(entities.ask(&a, Say::Hello).await.unwrap(), 1, "a fresh child");
        tree.stop().await;
    });
}

#[test]
fn messages_queued_behind_the_last_crash_come_back_as_unavailable() {
    paused(async {
        let (entities, spec) = entities(&World::default(), None, |builder| {
            builder.intensity(Intensity { restarts: 0, period: Duration::from_mins(1) })
        });
        let tree = tree_of(spec).await;
        let a = key("a");
        let (crash, queued) =
            join(entities.ask(&a, Say::Panic), entities.ask(&a, Say::Hello)).await;
        assert!(matches!(crash, Err(AskError::Lost(_))));
        assert!(matches!(queued, Err(AskError::Unavailable(Say::Hello))));
        tree.stop().await;
    });
}

#[test]
fn there_are_never_more_children_than_there_may_be() {
    paused(async {
        let (entities, spec) = entities(&World::default(), None, |builder| builder.max_children(2));
        let tree = tree_of(spec).await;
        for name in ["a", "b"] {
            entities.ask(&key(name), Say::Hello).await.unwrap();
        }
        assert!(matches!(
            entities.ask(&key("c"), Say::Hello).await,
            Err(AskError::Full(Say::Hello))
        ));
        entities.ask(&key("a"), Say::Stop).await.unwrap();
        until(|| entities.len() == 1).await;
        assert_eq!(entities.ask(&key("c"), Say::Hello).await.unwrap(), 1);
        tree.stop().await;
    });
}

#[test]
fn an_idle_child_goes_away_and_comes_back() {
    paused(async {
        let world = World::default();
        let (entities, spec) = entities(&world, Some(Duration::from_mins(1)), |builder| builder);
        let tree = tree_of(spec).await;
        entities.ask(&key("a"), Say::Hello).await.unwrap();
        until(|| entities.is_empty()).await;
        entities.ask(&key("a"), Say::Hello).await.unwrap();
        assert_eq!(world.record.take(), ["a up", "a dropped", "a up"]);
        tree.stop().await;
    });
}

#[test]
fn a_failing_factory_is_tried_again_and_then_unavailable() {
    paused(async {
        let (entities, spec) = dynamic::<u32, support::Probe>("entities")
            .backoff(Backoff { initial: ms(100), max: ms(100), jitter: 0.0 })
            .intensity(Intensity { restarts: 3, period: Duration::from_mins(1) })
            .factory(|_, birth| async move {
                assert!(birth.incarnation > 1, "the first panics");
                Err(Failure::new("the others fail"))
            });
        let tree = tree_of(spec).await;
        let before = tokio::time::Instant::now();
        let refused = entities.ask(&7, Do::Answer).await;
        assert!(matches!(refused, Err(AskError::Unavailable(_))), "{refused:?}");
        assert_eq!(before.elapsed(), ms(300));
        tree.stop().await;
    });
}

#[test]
fn a_stop_answers_all_and_asks_wait_while_the_supervisor_itself_is_restarted() {
    paused(async {
        let world = World::default();
        let (entities, dynamic) = entities(&world, None, |builder| builder);
        let (first, first_spec) = support::probe("first", &world.record);
        let root = supervisor("root", Strategy::RestForOne).child(first_spec).child(dynamic);
        let tree = Tree::start(root).await.unwrap();
        let (a, b) = (key("a"), key("b"));
        entities.ask(&b, Say::Hello).await.unwrap();
        let crash = async {
            until(|| entities.get(&a).is_some_and(|a| a.is_running() && a.depth() == 0)).await;
            let _ = first.ask(Do::Panic).await;
            // By now the children are told to stop, or gone; a fresh one comes when all is back.
            entities.ask(&b, Say::Hello).await
        };
        let (kept, fresh) = join(entities.ask(&a, Say::Keep), crash).await;
        assert!(matches!(kept, Err(AskError::Lost(_))), "{kept:?}");
        assert_eq!(fresh.unwrap(), 1);
        assert_eq!(first.ask(Do::Answer).await.unwrap(), 2);
        let b_ups = world.record.take().iter().filter(|line| *line == "b up").count();
        assert_eq!(b_ups, 2);
        tree.stop().await;
    });
}

const ASKS: u64 = 10_000;

/// Asks from many tasks at once, of children that stop whenever nothing is queued.
async fn race(entities: &Entities, world: &World) {
    let tasks = (0..50).map(|task| {
        let entities = entities.clone();
        actix_rt::spawn(async move {
            for n in 0..ASKS / 50 {
                let key = format!("{}", n % 3);
                let done = entities.ask(&key, Say::Once(task * (ASKS / 50) + n)).await;
                assert!(done.is_ok(), "{done:?}");
                if n % 7 == task % 7 {
                    tokio::task::yield_now().await;
                }
            }
        })
    });
    for task in join_all(tasks).await {
        task.unwrap();
    }
    assert!(!world.record.contains("two of one kind"));
    let handled = world.handled.lock().unwrap();
    assert_eq!(handled.len() as u64, ASKS);
    assert!(handled.values().all(|times| *times == 1));
}

#[test]
fn of_ten_thousand_asks_to_children_that_go_away_none_is_lost_and_none_handled_twice() {
    paused(async {
        let world = World::default();
        let (entities, spec) = entities(&world, None, |builder| builder.capacity(8));
        let tree = tree_of(spec).await;
        race(&entities, &world).await;
        until(|| entities.is_empty()).await;
        let ups = world.record.take().iter().filter(|line| line.ends_with("up")).count();
        assert!(ups > 10, "they never went away: {ups}");
        tree.stop().await;
    });
}

#[test]
fn the_same_holds_between_two_threads() {
    actix_rt::System::new().block_on(async {
        let world = World::default();
        let arbiter = actix_rt::Arbiter::new();
        let (entities, spec) =
            entities(&world, None, |builder| builder.on(&arbiter.handle()).capacity(8));
        let tree = tree_of(spec).await;
        race(&entities, &world).await;
        until(|| entities.is_empty()).await;
        tree.stop().await;
        arbiter.stop();
        arbiter.join().unwrap();
    });
}

#[test]
fn children_of_a_dead_arbiter_leave_no_entry_behind() {
    actix_rt::System::new().block_on(async {
        let world = World::default();
        let arbiter = actix_rt::Arbiter::new();
        let (entities, spec) = entities(&world, None, |builder| builder.on(&arbiter.handle()));
        let tree = tree_of(spec).await;
        entities.ask(&key("a"), Say::Hello).await.unwrap();
        arbiter.stop();
        arbiter.join().unwrap();
        until(|| entities.is_empty()).await;
        for name in ["a", "b"] {
            let refused = entities.ask(&key(name), Say::Hello).await;
            assert!(matches!(refused, Err(AskError::NotDelivered(Say::Hello))));
            assert!(entities.get(&key(name)).is_none());
        }
        tree.stop().await;
    });
}
