#include "mesh/xds/conversation.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mesh/xds/testing.h"

namespace mesh::xds {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string ContentOf(const EncodedResource& resource) {
  // See MessageOf.
  return std::string(resource.message().substr(resource.name().size() + 4));
}

// A proxy at the other end of a conversation, which does as Envoy does.
class ConversationTest : public ::testing::Test {
 protected:
  // "cds reviews=1,ratings=1", or "nothing".
  std::string Next() {
    std::optional<Response> response = conversation_.Next();
    if (!response.has_value()) return "nothing";
    last_[static_cast<int>(response->type)] = *response;
    std::string text(ShortName(response->type));
    const auto resources = response->whole != nullptr ? response->whole->resources()
                                                      : absl::MakeConstSpan(response->resources);
    for (const EncodedResourcePtr& resource : resources) {
      text += " " + resource->name() + "=" + ContentOf(*resource);
    }
    return text;
  }
  // Everything that is sent as long as each response is acknowledged at once.
  std::vector<std::string> Drain() {
    std::vector<std::string> all;
    for (;;) {
      std::string text = Next();
      if (text == "nothing") return all;
      all.push_back(text);
      Ack(*TypeFrom(text));
    }
  }
  static std::optional<Type> TypeFrom(const std::string& text) {
    for (Type type : kPushOrder) {
      if (text.substr(0, 3) == ShortName(type)) return type;
    }
    return std::nullopt;
  }
  Conversation::Meaning Subscribe(Type type, std::vector<std::string> names = {},
                                  const std::string& version = "") {
    names_[static_cast<int>(type)] = names;
    Request request;
    request.type = type;
    request.names = names;
    request.version = version;
    return conversation_.OnRequest(request);
  }
  Conversation::Meaning Ack(Type type) { return Answer(type, false); }
  Conversation::Meaning Nack(Type type) { return Answer(type, true); }
  // The names change with the nonce of the last response.
  Conversation::Meaning Rename(Type type, std::vector<std::string> names) {
    names_[static_cast<int>(type)] = std::move(names);
    return Answer(type, false);
  }
  Conversation::Meaning Answer(Type type, bool rejected) {
    Request request;
    request.type = type;
    request.names = names_[static_cast<int>(type)];
    request.nonce = last_[static_cast<int>(type)].nonce;
    request.rejected = rejected;
    request.reason = rejected ? "no such filter" : "";
    if (!rejected) version_[static_cast<int>(type)] = last_[static_cast<int>(type)].version;
    request.version = version_[static_cast<int>(type)];
    return conversation_.OnRequest(request);
  }
  void SubscribeAll() {
    Subscribe(Type::kCluster);
    Subscribe(Type::kEndpoint, {"reviews"});
    Subscribe(Type::kListener);
    Subscribe(Type::kRoute, {"9080"});
  }
  std::string StateOf(Type type) {
    return std::string(SyncStateName(conversation_.StatusOf(type).state));
  }

  const World before_ = {{{"reviews", "1"}}, {{"reviews", "1"}}, {{"out", "1"}}, {{"9080", "1"}}};
  Conversation conversation_{"7-"};
  std::array<Response, kTypeCount> last_;
  std::array<std::vector<std::string>, kTypeCount> names_;
  std::array<std::string, kTypeCount> version_;
};

TEST_F(ConversationTest, APushGoesClustersEndpointsListenersRoutes) {
  SubscribeAll();
  EXPECT_EQ(Next(), "nothing") << "no view yet";
  conversation_.SetView(ViewOf(before_));
  EXPECT_EQ(Next(), "cds reviews=1");
  EXPECT_EQ(Next(), "eds reviews=1");
  EXPECT_EQ(Next(), "nothing") << "listeners wait for clusters and endpoints";
  Ack(Type::kEndpoint);
  EXPECT_EQ(Next(), "nothing") << "listeners wait for clusters";
  Ack(Type::kCluster);
  EXPECT_EQ(Next(), "lds out=1");
  EXPECT_EQ(Next(), "rds 9080=1");
  EXPECT_EQ(Next(), "nothing");
  EXPECT_FALSE(conversation_.InSync());
  Ack(Type::kListener);
  Ack(Type::kRoute);
  EXPECT_TRUE(conversation_.InSync());
}

TEST_F(ConversationTest, WhatIsUnchangedIsNotSentAgain) {
  SubscribeAll();
  conversation_.SetView(ViewOf(before_));
  EXPECT_EQ(Drain().size(), 4);
  conversation_.SetView(ViewOf(before_, 2));
  EXPECT_THAT(Drain(), IsEmpty());
  EXPECT_TRUE(conversation_.InSync());
  World after = before_;
  after.routes = {{"9080", "2"}};
  conversation_.SetView(ViewOf(after, 3));
  EXPECT_THAT(Drain(), ElementsAre("rds 9080=2"));
}

TEST_F(ConversationTest, OnlyNamedEndpointsAndRoutesAreSent) {
  Subscribe(Type::kEndpoint, {"reviews", "unknown"});
  conversation_.SetView(ViewOf({{}, {{"ratings", "1"}, {"reviews", "1"}}, {}, {}}));
  EXPECT_THAT(Drain(), ElementsAre("eds reviews=1"));
}

TEST_F(ConversationTest, NewNamesAreAnsweredThoughTheVersionStays) {
  Subscribe(Type::kEndpoint, {"reviews"});
  conversation_.SetView(ViewOf(before_));
  EXPECT_THAT(Drain(), ElementsAre("eds reviews=1"));
  Rename(Type::kEndpoint, {"reviews", "unknown"});
  EXPECT_THAT(Drain(), ElementsAre("eds reviews=1"));
  Rename(Type::kEndpoint, {"reviews"});
  EXPECT_THAT(Drain(), IsEmpty()) << "fewer names need no answer";
}

TEST_F(ConversationTest, NamesWithoutWhichTheRestStaysNeedNoAnswer) {
  Subscribe(Type::kEndpoint, {"ratings", "reviews"});
  conversation_.SetView(ViewOf({{}, {{"ratings", "1"}, {"reviews", "1"}}, {}, {}}));
  EXPECT_THAT(Drain(), ElementsAre("eds ratings=1 reviews=1"));
  Rename(Type::kEndpoint, {"reviews"});
  EXPECT_THAT(Drain(), IsEmpty());
  conversation_.SetView(ViewOf({{}, {{"ratings", "2"}, {"reviews", "1"}}, {}, {}}, 2));
  EXPECT_THAT(Drain(), IsEmpty()) << "nobody asks for ratings";
}

TEST_F(ConversationTest, AnAnswerToAnEarlierResponseIsIgnored) {
  Subscribe(Type::kCluster);
  conversation_.SetView(ViewOf(before_));
  Next();
  const Response first = last_[0];
  Ack(Type::kCluster);
  conversation_.SetView(ViewOf({{{"reviews", "2"}}, {}, {}, {}}, 2));
  EXPECT_EQ(Next(), "cds reviews=2");
  Request late;
  late.type = Type::kCluster;
  late.nonce = first.nonce;
  late.rejected = true;
  EXPECT_EQ(conversation_.OnRequest(late), Conversation::Meaning::kStale);
  EXPECT_EQ(StateOf(Type::kCluster), "STALE");
  EXPECT_EQ(Ack(Type::kCluster), Conversation::Meaning::kAcknowledged);
  EXPECT_EQ(StateOf(Type::kCluster), "SYNCED");
}

TEST_F(ConversationTest, NewNamesInTheAnswerToAResponseSentMeanwhileAreSeen) {
  Subscribe(Type::kEndpoint, {"reviews"});
  const Contents both = {{"ratings", "1"}, {"reviews", "1"}};
  conversation_.SetView(ViewOf({{}, both, {}, {}}));
  Drain();
  const std::string old_nonce = last_[1].nonce;
  conversation_.SetView(ViewOf({{}, {{"ratings", "1"}, {"reviews", "2"}}, {}, {}}, 2));
  EXPECT_EQ(Next(), "eds reviews=2");
  Request crossing;
  crossing.type = Type::kEndpoint;
  crossing.nonce = old_nonce;
  crossing.names = {"ratings", "reviews"};
  EXPECT_EQ(conversation_.OnRequest(crossing), Conversation::Meaning::kStale);
  EXPECT_EQ(Next(), "nothing");
  EXPECT_EQ(Rename(Type::kEndpoint, {"ratings", "reviews"}), Conversation::Meaning::kAcknowledged);
  EXPECT_THAT(Drain(), ElementsAre("eds ratings=1 reviews=2"));
}

TEST_F(ConversationTest, ARejectedVersionIsNotSentAgainUntilItChanges) {
  SubscribeAll();
  conversation_.SetView(ViewOf(before_));
  Drain();
  World bad = before_;
  bad.listeners = {{"out", "bad"}};
  conversation_.SetView(ViewOf(bad, 2));
  EXPECT_EQ(Next(), "lds out=bad");
  EXPECT_EQ(Nack(Type::kListener), Conversation::Meaning::kRejected);
  EXPECT_EQ(Next(), "nothing");
  EXPECT_EQ(StateOf(Type::kListener), "NACKED");
  EXPECT_EQ(conversation_.StatusOf(Type::kListener).reason, "no such filter");
  EXPECT_FALSE(conversation_.InSync());

  conversation_.SetView(ViewOf(bad, 3));
  EXPECT_EQ(Next(), "nothing");
  bad.routes = {{"9080", "2"}};
  conversation_.SetView(ViewOf(bad, 4));
  EXPECT_THAT(Drain(), ElementsAre("rds 9080=2")) << "a rejected type holds up no other";
  EXPECT_EQ(StateOf(Type::kListener), "NACKED");

  World good = bad;
  good.listeners = {{"out", "1"}};
  conversation_.SetView(ViewOf(good, 5));
  EXPECT_THAT(Drain(), ElementsAre("lds out=1")) << "a client may have kept parts of the bad one";
  EXPECT_EQ(StateOf(Type::kListener), "SYNCED");
  EXPECT_TRUE(conversation_.InSync());
}

TEST_F(ConversationTest, ANewerViewReplacesWhatWasNotSent) {
  Subscribe(Type::kCluster);
  conversation_.SetView(ViewOf({{{"reviews", "1"}}, {}, {}, {}}));
  EXPECT_EQ(Next(), "cds reviews=1");
  for (int i = 2; i < 100; ++i) {
    conversation_.SetView(ViewOf({{{"reviews", std::to_string(i)}}, {}, {}, {}}, i));
    EXPECT_EQ(Next(), "nothing") << "one response is unanswered";
  }
  Ack(Type::kCluster);
  EXPECT_THAT(Drain(), ElementsAre("cds reviews=99"));
}

TEST_F(ConversationTest, AProxyThatComesBackWithWhatItShouldHaveIsSentNothing) {
  SubscribeAll();
  conversation_.SetView(ViewOf(before_));
  Drain();
  Conversation first = conversation_;
  conversation_.~Conversation();
  new (&conversation_) Conversation("8-");
  Subscribe(Type::kCluster, {}, first.SentVersion(Type::kCluster));
  Subscribe(Type::kEndpoint, {"reviews"}, first.SentVersion(Type::kEndpoint));
  Subscribe(Type::kListener, {}, first.SentVersion(Type::kListener));
  Subscribe(Type::kRoute, {"9080"}, first.SentVersion(Type::kRoute));
  EXPECT_EQ(StateOf(Type::kCluster), "NOT SENT") << "no view yet";
  conversation_.SetView(ViewOf(before_));
  EXPECT_EQ(Next(), "nothing");
  EXPECT_TRUE(conversation_.InSync());
  EXPECT_EQ(StateOf(Type::kRoute), "SYNCED");
  World after = before_;
  after.routes = {{"9080", "2"}};
  conversation_.SetView(ViewOf(after, 2));
  EXPECT_THAT(Drain(), ElementsAre("rds 9080=2"));
}

TEST_F(ConversationTest, AProxyThatComesBackWithAnOldVersionIsSentTheNewOne) {
  Subscribe(Type::kCluster, {}, "of last year");
  conversation_.SetView(ViewOf(before_));
  EXPECT_EQ(Next(), "cds reviews=1");
}

TEST_F(ConversationTest, AChangedClusterIsGivenItsEndpointsAgain) {
  SubscribeAll();
  conversation_.SetView(ViewOf(before_));
  Drain();
  World after = before_;
  after.clusters = {{"reviews", "2"}};
  conversation_.SetView(ViewOf(after, 2));
  EXPECT_EQ(Next(), "cds reviews=2");
  EXPECT_EQ(Next(), "nothing") << "endpoints wait until the proxy knows the cluster";
  Ack(Type::kCluster);
  EXPECT_THAT(Drain(), ElementsAre("eds reviews=1"));
}

TEST_F(ConversationTest, EndpointsOfANewClusterComeBeforeTheRouteToIt) {
  SubscribeAll();
  conversation_.SetView(ViewOf(before_));
  Drain();
  World after = before_;
  after.clusters.push_back({"reviews-v2", "1"});
  after.endpoints.push_back({"reviews-v2", "1"});
  after.routes = {{"9080", "to v2"}};
  conversation_.SetView(ViewOf(after, 2));
  EXPECT_EQ(Next(), "cds reviews=1 reviews-v2=1");
  // Envoy asks for the endpoints, then acknowledges the clusters.
  Rename(Type::kEndpoint, {"reviews", "reviews-v2"});
  EXPECT_EQ(Next(), "eds reviews=1 reviews-v2=1");
  Ack(Type::kCluster);
  EXPECT_EQ(Next(), "nothing");
  Ack(Type::kEndpoint);
  EXPECT_THAT(Drain(), ElementsAre("rds 9080=to v2"));
}

TEST_F(ConversationTest, ARemovedClusterStaysUntilNoRouteUsesIt) {
  World both = before_;
  both.clusters.push_back({"reviews-v2", "1"});
  both.endpoints.push_back({"reviews-v2", "1"});
  SubscribeAll();
  Rename(Type::kEndpoint, {"reviews", "reviews-v2"});
  conversation_.SetView(ViewOf(both));
  Drain();
  World after = before_;
  after.routes = {{"9080", "no v2"}};
  conversation_.SetView(ViewOf(after, 2));
  EXPECT_EQ(Next(), "rds 9080=no v2");
  EXPECT_EQ(Next(), "nothing");
  EXPECT_EQ(StateOf(Type::kCluster), "STALE");
  Ack(Type::kRoute);
  EXPECT_EQ(Next(), "cds reviews=1");
  Rename(Type::kEndpoint, {"reviews"});
  Ack(Type::kCluster);
  EXPECT_EQ(Next(), "nothing");
  EXPECT_TRUE(conversation_.InSync());
}

TEST_F(ConversationTest, ARemovedClusterStaysWhenTheRoutesWithoutItWereRejected) {
  World both = before_;
  both.clusters.push_back({"reviews-v2", "1"});
  SubscribeAll();
  conversation_.SetView(ViewOf(both));
  Drain();
  World after = before_;
  after.routes = {{"9080", "no v2"}};
  conversation_.SetView(ViewOf(after, 2));
  EXPECT_EQ(Next(), "rds 9080=no v2");
  Nack(Type::kRoute);
  EXPECT_EQ(Next(), "nothing");
  after.routes = {{"9080", "no v2, right"}};
  conversation_.SetView(ViewOf(after, 3));
  EXPECT_THAT(Drain(), ElementsAre("rds 9080=no v2, right", "cds reviews=1"));
}

TEST_F(ConversationTest, ARemovedClusterThatNothingWaitsForGoesAtOnce) {
  World both = before_;
  both.clusters.push_back({"reviews-v2", "1"});
  SubscribeAll();
  conversation_.SetView(ViewOf(both));
  Drain();
  conversation_.SetView(ViewOf(before_, 2));
  EXPECT_THAT(Drain(), ElementsAre("cds reviews=1"));
}

TEST_F(ConversationTest, ClustersAndListenersMayBeNamed) {
  // gRPC's clients name what they want of every type.
  Subscribe(Type::kListener, {"reviews:9080"});
  conversation_.SetView(ViewOf({{}, {}, {{"ratings:9080", "1"}, {"reviews:9080", "1"}}, {}}));
  EXPECT_THAT(Drain(), ElementsAre("lds reviews:9080=1"));
  Rename(Type::kListener, {});
  EXPECT_EQ(Next(), "nothing") << "no names after names is none, not all";
  Rename(Type::kListener, {"*"});
  EXPECT_THAT(Drain(), ElementsAre("lds ratings:9080=1 reviews:9080=1"));
}

TEST_F(ConversationTest, ATypeThatNobodyAsksForIsNotSent) {
  Subscribe(Type::kCluster);
  conversation_.SetView(ViewOf(before_));
  EXPECT_THAT(Drain(), ElementsAre("cds reviews=1"));
  EXPECT_EQ(StateOf(Type::kRoute), "NOT SENT");
  EXPECT_FALSE(conversation_.InSync()) << "the proxy has not come to listeners yet";
  Subscribe(Type::kListener);
  EXPECT_THAT(Drain(), ElementsAre("lds out=1"));
  EXPECT_FALSE(conversation_.InSync()) << "the view holds a route that it has not asked for yet";
  Subscribe(Type::kRoute, {"9080"});
  EXPECT_THAT(Drain(), ElementsAre("rds 9080=1"));
  EXPECT_TRUE(conversation_.InSync());
}

// A proxy does not take a listener into use without the certificate that it shows there.
TEST_F(ConversationTest, SecretsWaitForNothingAndNothingWaitsForThem) {
  Subscribe(Type::kCluster);
  World world = before_;
  world.secrets = {{"shop", "1"}, {"other", "1"}};
  conversation_.SetView(ViewOf(world));
  EXPECT_EQ(Next(), "cds reviews=1");
  Subscribe(Type::kSecret, {"shop"});
  EXPECT_EQ(Next(), "sds shop=1") << "clusters are not acknowledged yet";
  Ack(Type::kCluster);
  Subscribe(Type::kListener);
  EXPECT_EQ(Next(), "lds out=1") << "the secret is not acknowledged yet";
  Ack(Type::kListener);
  Subscribe(Type::kRoute, {"9080"});
  EXPECT_EQ(Next(), "rds 9080=1");
  Ack(Type::kRoute);
  EXPECT_FALSE(conversation_.InSync());
  Ack(Type::kSecret);
  EXPECT_TRUE(conversation_.InSync());
  world.secrets[0].second = "2";
  conversation_.SetView(ViewOf(world, 2));
  EXPECT_THAT(Drain(), ElementsAre("sds shop=2"));
}

TEST_F(ConversationTest, WhatWasSentCanBeLookedAt) {
  SubscribeAll();
  conversation_.SetView(ViewOf(before_));
  Drain();
  const Sent sent = conversation_.LastSent(Type::kRoute);
  ASSERT_EQ(sent.resources.size(), 1);
  EXPECT_EQ(sent.resources[0]->name(), "9080");
  EXPECT_EQ(sent.version, conversation_.StatusOf(Type::kRoute).version);
}

}  // namespace
}  // namespace mesh::xds
